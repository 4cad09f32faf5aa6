"""The user's settings: what they are and what they may be. `viewer.settings_file` reads and writes them."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictStr
from pydantic.dataclasses import dataclass

from common.command_line import MAX_THREADS
from common.validation import FIELDS, Rate, WholeNumber, one_of, within
from renderer.select import BACKENDS
from viewer import COLOR_MAPS, DISPLAY_MODES, SCALAR_MODES
from viewer.codecs import CODECS
from viewer.settings_merge import MAX_RECENT_FILES

VERSION = 1
"""Version of the file's layout. Files of newer versions are renamed, and the defaults are used."""

THEMES = ("dark", "light", "high contrast")
"""Colors of the window."""

LAYOUTS = ("watch", "inspect", "direct")
"""Layouts of the window: only the picture and the timeline; with the inspector; and with the camera path as well."""

HINTS = ("navigate", "play", "inspect")
"""Hints for new users, in order."""

INITIAL_VIEWS = ("whole scene", "capture camera")
"""The view a video opens with: its whole box, or its first capture camera. Videos without capture cameras open with the box."""

BACKGROUNDS = ("color", "checker", "gradient", "picture", "panorama")
"""Kinds of background, in the order of the numbers that shaders/present.frag gives them."""

IMAGE_BACKGROUNDS = ("picture", "panorama")
"""Kinds of background that need a file: a picture that fills the view, and an equirectangular panorama around the scene."""

NOT_SAVED = ("mode", "head_plane", "automatic_range", "low", "high", "show_cells", "background_color_2", "checker_size")
"""Fields of `DisplaySettings` that start with their defaults each time."""


Finite = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Share = Annotated[StrictFloat, within(0, 1)]
Color = tuple[Share, Share, Share]
"""Red, green, blue, 0 to 1."""


@dataclass(config=FIELDS)
class WindowSettings:
    """Size and look of the window."""

    width: Annotated[WholeNumber, within(320, 16384)] = 1280
    """Width of the window when it opens, screen units."""
    height: Annotated[WholeNumber, within(240, 16384)] = 800
    """Height of the window when it opens, screen units."""
    theme: Annotated[StrictStr, one_of(*THEMES)] = "dark"
    """One of `THEMES`."""
    ui_scale: Annotated[StrictFloat, within(0.5, 4)] = 1.0
    """Scale of text and controls, on top of the screen's own scale."""
    vsync: StrictBool = True
    """Draw in step with the screen's refresh."""
    layout: Annotated[StrictStr, one_of(*LAYOUTS)] = "watch"
    """One of `LAYOUTS`."""
    inspector_width: Annotated[StrictFloat, within(12, 60)] = 21.0
    """Width of the inspector, text heights."""
    inspect_sections: tuple[StrictStr, ...] = ("View", "Image", "Camera")
    """Open sections of the inspector in the layout "inspect"."""
    direct_sections: tuple[StrictStr, ...] = ("Path",)
    """Open sections of the inspector in the layout "direct"."""
    hints: tuple[StrictStr, ...] = HINTS
    """Hints that the user has not followed or closed yet."""
    show_tooltips: StrictBool = True
    """Explain controls under the cursor."""

    @property
    def inspector_shown(self) -> bool:
        """Whether the layout has the inspector."""
        return self.layout != "watch"

    @property
    def sections(self) -> tuple[str, ...]:
        """The open sections of the inspector in the current layout."""
        return self.direct_sections if self.layout == "direct" else self.inspect_sections

    def show_section(self, title: str, opened: bool = True) -> None:
        """Open or close a section of the inspector in the current layout; opening one shows the inspector."""
        if opened and not self.inspector_shown:
            self.layout = "inspect"
        kept = tuple(name for name in self.sections if name != title)
        if self.layout == "direct":
            self.direct_sections = (*kept, title) if opened else kept
        else:
            self.inspect_sections = (*kept, title) if opened else kept


@dataclass(config=FIELDS)
class PlaybackSettings:
    """How videos start to play."""

    autoplay: StrictBool = True
    """Start playback when a video is opened."""
    mode: Annotated[StrictStr, one_of("loop", "ping-pong", "once")] = "loop"
    """"loop", "ping-pong" or "once"."""
    speed: Annotated[StrictFloat, within(0.1, 4)] = 1.0
    """Multiple of the capture's rate."""
    sub_frame: StrictBool = False
    """Show times between frames in slow motion."""
    muted: StrictBool = False
    """Play videos without their sound."""
    volume: Share = 1.0
    """Volume of the sound, 0 to 1."""


@dataclass(config=FIELDS)
class NavigationSettings:
    """Where the camera starts, and how mouse and keys move it."""

    initial_view: Annotated[StrictStr, one_of(*INITIAL_VIEWS)] = "whole scene"
    """One of `INITIAL_VIEWS`."""
    field_of_view: Annotated[StrictFloat, within(1, 150)] = 45.0
    """Vertical, degrees."""
    roll_locked: StrictBool = True
    """Keep the horizon while orbiting."""
    orbit_speed: Annotated[StrictFloat, within(0.05, 20)] = 1.0
    """Multiple of half a turn for a drag across the window."""
    dolly_speed: Annotated[StrictFloat, within(0.05, 20)] = 1.0
    """Multiple of 10 % per notch of the wheel."""
    fly_speed: Annotated[StrictFloat, within(0.001, 1000)] = 1.5
    """Meters per second."""
    fly_smoothing: Annotated[StrictFloat, within(0, 2)] = 0.12
    """Time constant of changes of the velocity, seconds."""
    invert_wheel: StrictBool = False
    """Scrolling up moves the camera away."""


@dataclass(config=FIELDS)
class RenderingSettings:
    """Backend, speed and quality."""

    backend: Annotated[StrictStr, one_of(*BACKENDS)] = "auto"
    """One of `renderer.select.BACKENDS`."""
    threads: Annotated[WholeNumber, within(1, MAX_THREADS)] | None = None
    """Number of CPU threads; None means one per core."""
    dynamic_resolution: StrictBool = True
    """Lower the resolution during movement to keep the target frame rate."""
    target_fps: Annotated[StrictFloat, within(1, 240)] = 24.0
    """Images per second that dynamic resolution aims at while the camera moves; while a video plays, see `aimed_rate`."""
    render_scale: Annotated[StrictFloat, within(0.1, 2)] = 1.0
    """Resolution of the image when nothing moves, as a fraction of the window's."""
    smooth_at_rest: StrictBool = True
    """Render still pictures with twice the pixels along each side, once they are shown and nothing moves."""
    cache_mebibytes: Annotated[WholeNumber, within(64, 1 << 20)] | None = None
    """Memory for decoded frames, MiB. None is half of a GPU's free memory with CUDA, and 640 otherwise."""


@dataclass(config=FIELDS)
class DisplaySettings:
    """Appearance of a view or a recording: mode, tone, background and overlays."""

    mode: Annotated[StrictStr, one_of(*DISPLAY_MODES)] = "color"
    """One of `DISPLAY_MODES`. Not saved."""
    head_plane: Annotated[WholeNumber, within(0, 2)] = 0
    """Index of the MLP plane whose color heads are shown. Not saved."""
    automatic_range: StrictBool = True
    """Whether the color map spans the values of the image. Not saved."""
    low: Finite = 0.0
    """Value at the color map's start, unless the range is automatic. Not saved."""
    high: Finite = 1.0
    """Value at the color map's end, unless the range is automatic. Not saved."""
    show_cells: StrictBool = False
    """Draw the occupied cells. Not saved."""
    background_color_2: Color | None = None
    """The second color of checker and gradient; None derives it from the first. Not saved."""
    checker_size: Annotated[StrictFloat, within(1, 1024)] = 16.0
    """Side of a checker's square, pixels. Not saved."""
    background: Annotated[StrictStr, one_of(*BACKGROUNDS)] = "color"
    """One of `BACKGROUNDS`."""
    background_color: Color = (0.1, 0.1, 0.12)
    """Red, green, blue, 0 to 1."""
    background_file: StrictStr = ""
    """File of the picture or the panorama."""
    panorama_turn: Annotated[StrictFloat, within(-360, 360)] = 0.0
    """Turn of the panorama about the up direction, degrees. Positive moves it to the left."""
    show_shadow: StrictBool = False
    """Shadow on the ground."""
    shadow_strength: Share = 0.8
    """Darkness of the shadow; 1 is as dark as under an evenly bright sky."""
    ground_offset: Annotated[StrictFloat, within(-1000, 1000)] = 0.0
    """Height of the shadow above the lowest occupied cell, meters."""
    color_map: Annotated[StrictStr, one_of(*COLOR_MAPS)] = "turbo"
    """For depth and heat maps."""
    exposure: Annotated[StrictFloat, within(-10, 10)] = 0.0
    """Exposure, stops."""
    gamma: Annotated[StrictFloat, within(0.1, 10)] = 1.0
    """Gamma correction. 1 shows colors as stored."""
    show_axes: StrictBool = False
    """World axes."""
    show_grid: StrictBool = True
    """Ground grid."""
    show_box: StrictBool = False
    """The scene's box."""
    show_cameras: StrictBool = False
    """Frusta of the capture cameras."""
    show_path: StrictBool = True
    """The camera path, where there is one."""

    @property
    def tone(self) -> tuple[float, float]:
        """Exposure and gamma; neutral for modes that show numbers or directions instead of colors."""
        return (self.exposure, self.gamma) if self.mode == "color" else (0.0, 1.0)

    @property
    def has_shadow(self) -> bool:
        """Whether the picture has a shadow on the ground; only colors have one."""
        return self.show_shadow and self.mode == "color"

    @property
    def has_image(self) -> bool:
        """Whether a picture or a panorama is behind the volume."""
        return self.background in IMAGE_BACKGROUNDS and bool(self.background_file)

    @property
    def background_colors(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The background color, and the second color of checker and gradient: by default a little lighter or darker."""
        if self.background_color_2 is not None:
            return self.background_color, self.background_color_2
        step = 0.09 if sum(self.background_color) < 1.5 else -0.09
        red, green, blue = (min(max(value + step, 0.0), 1.0) for value in self.background_color)
        return self.background_color, (red, green, blue)

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Range of the color map; None means that it follows the image's values."""
        return None if self.automatic_range or self.mode not in SCALAR_MODES else (self.low, self.high)

    @property
    def pixels_key(self) -> tuple[object, ...]:
        """The settings that the pixels of a view depend on."""
        return self.mode, self.head_plane, self.value_range


@dataclass(config=FIELDS)
class RecordingSettings:
    """Initial values of the recording dialog."""

    codec: Annotated[StrictStr, one_of(*CODECS)] = "h264"
    """Codec of videos."""
    quality: Annotated[WholeNumber, within(0, 51)] = 12
    """0 (best) to 51."""
    fps: Annotated[Rate, within(0, 1000)] = 0.0
    """Frames per second; 0 means the capture's."""
    supersampling: Annotated[WholeNumber, within(1, 8)] = 1
    """Images are rendered at this multiple of the size, then averaged."""
    folder: StrictStr = ""
    """Folder for recordings and screenshots; empty means the current folder."""


@dataclass(config=FIELDS)
class StreamingSettings:
    """The cache of videos that are opened from servers."""

    cache_mebibytes: Annotated[WholeNumber, within(64, 1 << 24)] = 4096
    """Space on the disk for their bytes, MiB. Those used longest ago are deleted first."""
    folder: StrictStr = ""
    """Folder in which the cache makes a folder of its own; empty means the system's folder for caches."""


@dataclass(config=FIELDS)
class Settings:
    """Everything that the viewer saves between runs."""

    version: Annotated[WholeNumber, within(1, VERSION)] = VERSION
    """Version of the file's layout."""
    window: WindowSettings = field(default_factory=WindowSettings)
    """Size and look."""
    playback: PlaybackSettings = field(default_factory=PlaybackSettings)
    """How videos start to play."""
    navigation: NavigationSettings = field(default_factory=NavigationSettings)
    """Camera control."""
    rendering: RenderingSettings = field(default_factory=RenderingSettings)
    """Backend and speed."""
    view: DisplaySettings = field(default_factory=DisplaySettings)
    """Appearance of the view."""
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    """Recording."""
    streaming: StreamingSettings = field(default_factory=StreamingSettings)
    """Videos from servers."""
    recent_files: tuple[StrictStr, ...] = ()
    """Bundles opened last, the latest first."""

    def remember_file(self, path: str) -> None:
        """Put a bundle first in the list of recent files."""
        others = [known for known in self.recent_files if known != path]
        self.recent_files = tuple([path, *others][:MAX_RECENT_FILES])

    def forget_file(self, path: str) -> None:
        """Remove a bundle from the list of recent files."""
        self.recent_files = tuple(known for known in self.recent_files if known != path)


def reset_settings(settings: Settings) -> Settings:
    """Return the defaults, but keep the recent files and the fields that are not saved."""
    view = DisplaySettings(**{name: getattr(settings.view, name) for name in NOT_SAVED})
    return Settings(recent_files=settings.recent_files, view=view)
