"""The controls of a visitor's camera. viser itself orbits, pans, dollies and flies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from viewer.serve.events import Post, assign, on_change, on_click
from viewer.serve.poses import ViserPose
from viewer.serve.visitor import Visitor

HELP = "Drag to orbit, right-drag to pan, scroll to dolly. W A S D Q E fly."
"""How viser's camera moves."""

FREE = "Free"
"""Name of the choice that is not a capture camera."""


class CameraControls:
    """The folder Camera.

    Args:
        gui: viser's controls of one visitor.
        visitor: whose camera it is.
        size: returns width and height of the canvas, pixels.
        look: moves the browser's camera.
        post: gives actions to the server's thread.
    """

    def __init__(
        self,
        gui: Any,
        visitor: Visitor,
        size: Callable[[], tuple[int, int]],
        look: Callable[[ViserPose], None],
        post: Post,
    ) -> None:
        self._visitor, self._size, self._look = visitor, size, look
        count = len(visitor.video.metadata.cameras)
        names = [FREE, *(f"Camera {number}" for number in range(1, count + 1))]  # numbered as in the window
        with gui.add_folder("Camera"):
            self.home = gui.add_button("Whole scene", icon="home", hint="Show the whole scene")
            self.capture = gui.add_dropdown(
                "Capture camera", names, visible=len(names) > 1, hint="Look from a camera that filmed the scene"
            )
            gui.add_markdown(HELP)
        on_click(self.home, post, lambda _: self.show_all())
        on_change(self.capture, post, lambda name: self._snap(names.index(name) - 1))

    def show_all(self) -> None:
        """Show the whole scene."""
        self._look(self._visitor.overview(*self._size()))

    def refresh(self) -> None:
        """Let the choice follow the camera."""
        if not self._visitor.snapped:
            assign(self.capture, "value", FREE)

    def _snap(self, index: int) -> None:
        if index >= 0:
            self._look(self._visitor.snap_to(index, *self._size()))
