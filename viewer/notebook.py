"""A video in a Jupyter notebook: an image with controls for time and camera, made of ipywidgets.

The images travel through the notebook's own connection, so this also works when the notebook runs on another computer.
"""

from __future__ import annotations

import asyncio
import io
import math
import sys
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import InputError
from model.camera import Camera
from viewer.camera.control import OrbitCamera
from viewer.notebook_mouse import ImageMouse

if TYPE_CHECKING:
    from model.video import VideoMetadata
    from renderer.backend import RenderedImage

DEFAULT_SIZE = (512, 512)
"""Width and height of the image, pixels."""

EVENT_SECONDS = 0.02
"""How long an image waits for further events of the mouse."""

JPEG_QUALITY = 90
"""Quality of the compressed image, 1 to 100."""


class Viewable(Protocol):
    """What is shown: a `viewer.video.Video`, which knows this module and not the other way round."""

    @property
    def num_frames(self) -> int:
        """Number of frames."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    @property
    def bounds(self) -> NDArray[np.float32]:
        """(2, 3), a box around the subject, meters."""

    @property
    def metadata(self) -> VideoMetadata:
        """The up direction and more."""

    def render(self, frame: float, camera: Camera) -> RenderedImage:
        """Render one image."""


def in_notebook() -> bool:
    """Return whether this process runs the cells of a Jupyter notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def load_widgets() -> Any:
    """Import ipywidgets, which is optional; raise InputError if it is missing."""
    try:
        import ipywidgets  # noqa: PLC0415 - optional
    except ImportError as error:
        raise InputError(
            "viewing in a notebook", "needs the package ipywidgets", "pip install ipywidgets, then restart the notebook"
        ) from error
    return ipywidgets


class NotebookView:
    """An image of a video, and the controls that change it.

    Args:
        video: the video.
        size: width and height of the image, pixels.
        quality: of the compressed image, 1 to 100.

    With the package ipyevents, dragging over the image turns the camera, and the wheel moves it.

    Raises:
        InputError: ipywidgets is not installed.
    """

    def __init__(self, video: Viewable, size: tuple[int, int] = DEFAULT_SIZE, quality: int = JPEG_QUALITY) -> None:
        widgets = load_widgets()
        self._video, self._size, self._quality = video, size, quality
        last = video.num_frames - 1
        self.frame = widgets.IntSlider(description="Frame", max=last, continuous_update=True)
        """The frame that is shown."""
        self.turn = widgets.FloatSlider(description="Turn", min=-180, max=180, step=1)
        """Where the camera stands around the subject, degrees from the first view."""
        self.tilt = widgets.FloatSlider(description="Tilt", min=-80, max=80, step=1)
        """How much higher the camera stands, degrees from the first view."""
        self.closer = widgets.FloatSlider(description="Closer", min=-10, max=15, step=0.5)
        """How many notches of a mouse wheel the camera is closer."""
        self.image = widgets.Image(format="jpeg", width=size[0], height=size[1])
        """The image."""
        play = widgets.Play(max=last, interval=max(1, round(1000 / video.fps)), repeat=True)
        # The browser moves the slider, and waits for an image before it asks for the next one.
        widgets.jslink((play, "value"), (self.frame, "value"))
        controls = (self.frame, self.turn, self.tilt, self.closer)
        for control in controls:
            control.observe(self._show, "value")
        self._moving = False
        self._next: asyncio.TimerHandle | None = None
        try:
            self.mouse: ImageMouse | None = ImageMouse(self.image, self._drag, self._dolly)
            """Reports drags over the image, which turn the camera, and the wheel; None without the package ipyevents."""
        except ImportError:
            self.mouse = None
        self.box = widgets.VBox([self.image, widgets.HBox([play, self.frame]), *controls[1:]])
        """The image and the controls, for `IPython.display.display`."""
        self._show()

    def camera(self) -> Camera:
        """Return the camera that the controls describe."""
        camera = OrbitCamera(self._video.bounds, self._video.metadata.up)
        camera.fit(*self._size)
        camera.orbit(math.radians(self.turn.value), math.radians(self.tilt.value))
        camera.dolly(self.closer.value)
        return camera.to_camera(*self._size)

    def _drag(self, right: float, down: float) -> None:
        """Turn by pixels: the image is half a turn high, as in the window."""
        degrees = 180 / self._size[1]
        self._moving = True  # one image for both angles
        self.turn.value = (self.turn.value - right * degrees + 180) % 360 - 180
        self.tilt.value += down * degrees  # the slider keeps its range
        self._moving = False
        self._show_soon()

    def _dolly(self, notches: float) -> None:
        self._moving = True
        self.closer.value += notches
        self._moving = False
        self._show_soon()

    def _show_soon(self) -> None:
        """Show the image after the events that wait already, so that a slow image does not follow a fast mouse late."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # not in a notebook
            self._show()
            return
        if self._next is None:
            self._next = loop.call_later(EVENT_SECONDS, self._show)

    def _show(self, change: Any = None) -> None:
        if self._moving:
            return
        self._next = None
        rendered = self._video.render(frame=self.frame.value, camera=self.camera())
        content = io.BytesIO()
        pixels = np.rint(255 * rendered.rgba[..., :3]).astype(np.uint8)
        Image.fromarray(pixels).save(content, "JPEG", quality=self._quality, subsampling=0)
        self.image.value = content.getvalue()


def show_in_notebook(video: Viewable) -> None:
    """Show a video below the current cell; raises the errors of `NotebookView`."""
    view = NotebookView(video)
    from IPython.display import display  # noqa: PLC0415 - exists in a notebook

    display(view.box)
