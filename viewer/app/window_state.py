"""What the window and its panels tell the app, and what the app asks of them."""

from __future__ import annotations

from collections.abc import Callable

PANELS = ("View", "Timeline", "Camera path", "Image", "Camera", "Maps", "Video", "Figures", "Speed", "Compare")
"""Titles of the panels, in the order in which the keyboard goes through them."""


class WindowState:
    """Plain state without behavior, shared by the app, the panels and the window."""

    def __init__(self) -> None:
        self.view_known = False
        """Whether the view's panel has told its size."""
        self._view_size = (640, 480)
        self.view_place = (0.0, 0.0, 640.0, 480.0)
        """Left, top, width and height of the view on the screen, set by its panel."""
        self.window_pixels = (1280, 800)
        """Pixels of the whole window."""
        self.record_ui = False
        """Whether screenshots and screen recordings show the interface."""
        self.cursor: tuple[float, float] | None = None
        """Pixel of the view under the mouse; None when it is elsewhere."""
        self.fly_direction = (0.0, 0.0, 0.0)
        """Which fly keys are held: right, down, forward."""
        self.dialogs: set[str] = set()
        """Names of the dialogs that are open."""
        self.quit_asked = False
        """Whether the window is to close."""
        self.full_screen = False
        """Whether the window fills the screen."""
        self.hide_ui = False
        """Whether nothing but the picture is shown."""
        self.layout_reset_asked = False
        """Whether all panels are to go back where they were at first."""
        self.focus_panel = ""
        """Panel to bring forward."""
        self.panel = PANELS[0]
        """Panel that was brought forward last."""
        self.marker_to_name: int | None = None
        """Frame of a marker whose name the timeline is to ask for."""
        self.making_pixels = False
        """Whether pixels of the view that are asked for are still to come."""
        self.screenshot_asked = False
        """Whether the next picture is to be saved."""
        self.clipboard: Callable[[], str] = lambda: ""
        """Text on the clipboard; set by the window."""
        self.set_clipboard: Callable[[str], None] = lambda text: None
        """Puts text on the clipboard; set by the window."""

    @property
    def view_size(self) -> tuple[int, int]:
        """Pixels of the view; something likely until its panel sets it."""
        return self._view_size

    @view_size.setter
    def view_size(self, size: tuple[int, int]) -> None:
        """Take the size over."""
        self._view_size, self.view_known = size, True
