"""Position and size of the view on the screen."""

from __future__ import annotations

from collections.abc import Callable

from renderer.backend import RenderedImage


class Viewport:
    """State of the view's panel, which writes it in every frame."""

    def __init__(self) -> None:
        self._size = (640, 480)
        self.known = False
        """Whether the panel has set the size."""
        self.place = (0.0, 0.0, 640.0, 480.0)
        """Left, top, width and height on the screen, screen units."""
        self.cursor: tuple[float, float] | None = None
        """Pixel under the mouse; None while the mouse is elsewhere."""
        self.depth_at: Callable[[RenderedImage, int, int], float] = lambda image, column, row: float(image.depth[row, column])
        """Returns the depth of an image at a column and a row, meters; set by the panel, which need not copy the image."""
        self.making_pixels = False
        """Whether requested pixels (normals, heads, ...) are still being computed."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; a likely size until the panel sets it."""
        return self._size

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        """Set the size, which is known from then on."""
        self._size, self.known = size, True
