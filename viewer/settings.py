"""The user's settings: one YAML file in the user's config folder, validated, versioned, never fatal."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from common.atomic import atomic_write
from common.errors import InputError
from model.config import dataclass_from_dict

VERSION = 1
"""Of the file's layout; older files are brought up to it, newer ones are set aside."""

MAX_RECENT_FILES = 12
"""Most entries of the list of recent files."""

THEMES = ("dark", "light", "high contrast")
"""Looks of the window."""

INITIAL_VIEWS = ("whole scene", "capture camera")
"""What a newly opened video is seen from: a camera fitted to its box, or its first capture camera where it has one."""


DISPLAY_MODES = ("color", "depth", "opacity", "normals", "density_samples", "color_samples", "heads")
"""What can be shown of each pixel, by the name that the actions "view.*" give it."""

SCALAR_MODES = ("depth", "opacity", "density_samples", "color_samples")
"""Those that show numbers through a color map."""

BACKGROUNDS = ("color", "checker", "gradient")
"""Kinds of background, in the order of the numbers that shaders/present.frag gives them."""

_NOT_SAVED = ("mode", "head_plane", "automatic_range", "low", "high", "show_cells", "background_color_2", "checker_size")
"""Fields of `DisplaySettings` that start with their defaults each time."""


def _require(condition: bool, name: str, fault: str) -> None:
    if not condition:
        raise InputError(f"setting {name}", fault)


def _within(value: float, low: float, high: float, name: str) -> None:
    _require(math.isfinite(value) and low <= value <= high, name, f"must be {low:g} to {high:g}")


@dataclass
class WindowSettings:
    """Size and look of the window."""

    width: int = 1280
    """Of the window when it opens, screen units."""
    height: int = 800
    """Of the window when it opens, screen units."""
    theme: str = "dark"
    """One of `THEMES`."""
    ui_scale: float = 1.0
    """Text and controls are enlarged by this, on top of the screen's own scale."""
    vsync: bool = True
    """Wait for the screen's refresh."""
    show_tooltips: bool = True
    """Explain controls under the cursor."""

    def __post_init__(self) -> None:
        _within(self.width, 320, 16384, "window.width")
        _within(self.height, 240, 16384, "window.height")
        _require(self.theme in THEMES, "window.theme", f"must be one of {', '.join(THEMES)}")
        _within(self.ui_scale, 0.5, 4.0, "window.ui_scale")


@dataclass
class PlaybackSettings:
    """How videos start to play."""

    autoplay: bool = True
    """Play a video as soon as it is open."""
    mode: str = "loop"
    """"loop", "ping-pong" or "once"."""
    speed: float = 1.0
    """Multiple of the capture's rate."""
    sub_frame: bool = False
    """Show instants between frames in slow motion."""

    def __post_init__(self) -> None:
        _require(self.mode in ("loop", "ping-pong", "once"), "playback.mode", "must be loop, ping-pong or once")
        _within(self.speed, 0.1, 4.0, "playback.speed")


@dataclass
class NavigationSettings:
    """Where the camera is at first, and how mouse and keys move it."""

    initial_view: str = "whole scene"
    """One of `INITIAL_VIEWS`."""
    field_of_view: float = 45.0
    """Vertical, degrees."""
    roll_locked: bool = True
    """Keep the horizon while orbiting."""
    orbit_speed: float = 1.0
    """Multiple of half a turn for a drag across the window."""
    dolly_speed: float = 1.0
    """Multiple of 10 % a notch of the wheel."""
    fly_speed: float = 1.5
    """Meters a second."""
    fly_smoothing: float = 0.12
    """Seconds to come within 37 % of a new velocity."""
    invert_wheel: bool = False
    """Scrolling up moves away."""

    def __post_init__(self) -> None:
        known = self.initial_view in INITIAL_VIEWS
        _require(known, "navigation.initial_view", f"must be one of {', '.join(INITIAL_VIEWS)}")
        _within(self.field_of_view, 1.0, 150.0, "navigation.field_of_view")
        _within(self.orbit_speed, 0.05, 20.0, "navigation.orbit_speed")
        _within(self.dolly_speed, 0.05, 20.0, "navigation.dolly_speed")
        _within(self.fly_speed, 0.001, 1000.0, "navigation.fly_speed")
        _within(self.fly_smoothing, 0.0, 2.0, "navigation.fly_smoothing")


@dataclass
class RenderingSettings:
    """Backend, speed and quality."""

    backend: str = "auto"
    """"auto", "cuda", "cpu" or "reference"."""
    threads: int | None = None
    """CPU threads; empty: one a core."""
    dynamic_resolution: bool = True
    """Lower the resolution while things move, to keep the target frame rate."""
    target_fps: float = 30.0
    """Frames a second that dynamic resolution aims at."""
    render_scale: float = 1.0
    """Share of the window's resolution that is rendered when nothing moves."""
    cache_mebibytes: int = 640
    """Memory for decoded frames."""

    def __post_init__(self) -> None:
        _require(
            self.backend in ("auto", "cuda", "cpu", "reference"), "rendering.backend", "must be auto, cuda, cpu or reference"
        )
        _require(self.threads is None or 1 <= self.threads <= 1024, "rendering.threads", "must be 1 to 1024, or empty")
        _within(self.target_fps, 1.0, 240.0, "rendering.target_fps")
        _within(self.render_scale, 0.1, 2.0, "rendering.render_scale")
        _within(self.cache_mebibytes, 64, 1 << 20, "rendering.cache_mebibytes")


@dataclass
class DisplaySettings:
    """What a view or a recording looks like: what is shown of each pixel, tone, background, and overlays."""

    mode: str = "color"
    """One of `DISPLAY_MODES`. Not saved."""
    head_plane: int = 0
    """Index of the MLP plane whose color heads are shown. Not saved."""
    automatic_range: bool = True
    """Whether the color map spans the values of the image. Not saved."""
    low: float = 0.0
    """Value at the color map's start, unless the range is automatic. Not saved."""
    high: float = 1.0
    """Value at the color map's end, unless the range is automatic. Not saved."""
    show_cells: bool = False
    """Draw the occupied cells. Not saved."""
    background_color_2: tuple[float, float, float] | None = None
    """The second color of checker and gradient; None makes it from the first. Not saved."""
    checker_size: float = 16.0
    """Side of a checker's square, pixels. Not saved."""
    background: str = "color"
    """One of `BACKGROUNDS`."""
    background_color: tuple[float, float, float] = (0.1, 0.1, 0.12)
    """Red, green, blue, 0 to 1."""
    color_map: str = "turbo"
    """For depth and heat maps; one of `viewer.picture.color_maps.COLOR_MAPS`."""
    exposure: float = 0.0
    """Stops."""
    gamma: float = 1.0
    """Exponent of the display; 1 shows colors as stored."""
    show_axes: bool = False
    """World axes."""
    show_grid: bool = True
    """Ground grid."""
    show_box: bool = False
    """The scene's box."""
    show_cameras: bool = False
    """Frusta of the capture cameras."""
    show_path: bool = True
    """The camera path, where there is one."""

    def __post_init__(self) -> None:
        _require(self.mode in DISPLAY_MODES, "view.mode", f"must be one of {', '.join(DISPLAY_MODES)}")
        _within(self.head_plane, 0, 2, "view.head_plane")
        _require(math.isfinite(self.low) and math.isfinite(self.high), "view.low and view.high", "must be finite")
        _require(self.background in BACKGROUNDS, "view.background", "must be color, checker or gradient")
        _require(len(self.background_color) == 3, "view.background_color", "must have 3 entries")
        for value in self.background_color:
            _within(value, 0.0, 1.0, "view.background_color")
        _within(self.checker_size, 1.0, 1024.0, "view.checker_size")
        _within(self.exposure, -10.0, 10.0, "view.exposure")
        _within(self.gamma, 0.1, 10.0, "view.gamma")

    @property
    def tone(self) -> tuple[float, float]:
        """Exposure and gamma; neutral for modes that show numbers or directions instead of colors."""
        return (self.exposure, self.gamma) if self.mode == "color" else (0.0, 1.0)

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
        """What the pixels made of an image depend on."""
        return self.mode, self.head_plane, self.value_range


@dataclass
class RecordingSettings:
    """What the recording panel starts with."""

    codec: str = "h264"
    """"h264", "hevc", "av1" or "vp9"."""
    quality: int = 12
    """0 (best) to 51."""
    fps: float = 0.0
    """Frames a second; 0: the capture's."""
    supersampling: int = 1
    """Rendered at this multiple of the size, then averaged."""
    folder: str = ""
    """Where recordings and screenshots go; empty: the current folder."""

    def __post_init__(self) -> None:
        _require(self.codec in ("h264", "hevc", "av1", "vp9"), "recording.codec", "must be h264, hevc, av1 or vp9")
        _within(self.quality, 0, 51, "recording.quality")
        _within(self.fps, 0.0, 1000.0, "recording.fps")
        _within(self.supersampling, 1, 8, "recording.supersampling")


@dataclass
class Settings:
    """All that the viewer remembers."""

    version: int = VERSION
    """Of the file's layout."""
    window: WindowSettings = field(default_factory=WindowSettings)
    """Size and look."""
    playback: PlaybackSettings = field(default_factory=PlaybackSettings)
    """How videos start to play."""
    navigation: NavigationSettings = field(default_factory=NavigationSettings)
    """Camera control."""
    rendering: RenderingSettings = field(default_factory=RenderingSettings)
    """Backend and speed."""
    view: DisplaySettings = field(default_factory=DisplaySettings)
    """What the view looks like."""
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    """Recording."""
    recent_files: tuple[str, ...] = ()
    """Bundles opened last, the latest first."""

    def remember_file(self, path: str) -> None:
        """Put a bundle at the head of the recent files."""
        others = [known for known in self.recent_files if known != path]
        self.recent_files = tuple([path, *others][:MAX_RECENT_FILES])

    def forget_file(self, path: str) -> None:
        """Take a bundle that is gone off the recent files."""
        self.recent_files = tuple(known for known in self.recent_files if known != path)


def config_folder() -> Path:
    """The user's folder for the viewer's settings, as the platform wants it."""
    return Path(platformdirs.user_config_dir("mlpvid", appauthor=False))


def settings_path() -> Path:
    """The settings file."""
    return config_folder() / "settings.yaml"


def layout_path() -> Path:
    """The file in which the window keeps the places of its panels."""
    return config_folder() / "layout.ini"


def downloads_folder() -> Path:
    """Where bundles from the web are kept: the user's folder for what can be fetched again."""
    return Path(platformdirs.user_cache_dir("mlpvid", appauthor=False)) / "downloads"


def load_settings(path: Path | None = None) -> tuple[Settings, str]:
    """Read the settings; never fails.

    Args:
        path: the file; default: `settings_path()`. A missing one means the defaults.

    Returns:
        The settings, and a message for the user: empty, or what was wrong with the file and where it was set aside.
    """
    file = path or settings_path()
    try:
        return read_settings(file), ""
    except FileNotFoundError:
        return Settings(), ""
    except InputError as error:
        return Settings(), f"{error}. The defaults are used{_set_aside(file)}."


def read_settings(path: Path) -> Settings:
    """Read a settings file strictly, as ``--config FILE.yaml`` does; fields that it does not name keep their defaults.

    Raises:
        FileNotFoundError: there is none.
        InputError: it cannot be read, is no YAML, is of a newer version, or a field is unknown, of a wrong type or range.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(path, "is not valid YAML") from error
    try:
        return _from_values({} if values is None else values)
    except InputError as error:
        raise InputError(path, str(error)) from error


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write the settings atomically, making the folder when it is missing; InputError when that fails."""
    file = path or settings_path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(file, f"cannot be written ({error.strerror})") from error
    settings = dataclass_from_dict(Settings, _plain(settings), "settings")  # never writes what could not be read again
    with atomic_write(file) as temporary:
        temporary.write_text(yaml.safe_dump(_plain(settings), sort_keys=False, allow_unicode=True), encoding="utf-8")


def reset_settings(settings: Settings) -> Settings:
    """Return the defaults, with the recent files and what is not saved kept."""
    view = DisplaySettings(**{name: getattr(settings.view, name) for name in _NOT_SAVED})
    return Settings(recent_files=settings.recent_files, view=view)


def _from_values(values: Any) -> Settings:
    version = values.get("version", VERSION) if isinstance(values, dict) else VERSION
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError("version", "must be a whole number, at least 1")
    if version > VERSION:
        raise InputError("version", f"is {version}, newer than this viewer's {VERSION}", "update the viewer")
    return dataclass_from_dict(Settings, values, "settings")


def _plain(settings: Settings) -> dict[str, Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: convert(item) for name, item in value.items()}
        return [convert(item) for item in value] if isinstance(value, tuple | list) else value

    values = convert(dataclasses.asdict(settings))
    values["view"] = {name: value for name, value in values["view"].items() if name not in _NOT_SAVED}
    return values


def _set_aside(path: Path) -> str:
    # Keep the user's file: the defaults would overwrite it on the next save.
    aside = path.with_name(f"{path.stem}.bad{path.suffix}")
    try:
        path.replace(aside)
    except OSError:
        return ""
    return f"; the old file is kept as {aside.name}"
