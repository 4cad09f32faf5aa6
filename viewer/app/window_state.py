"""State of the window, and requests that actions make to it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

PANELS = ("View", "Timeline", "Camera path", "Image", "Camera", "Maps", "Video", "Statistics", "Speed", "Compare")
"""Titles of the panels, in the order in which the keyboard goes through them."""


class WindowCommand(enum.Enum):
    """A request without details."""

    QUIT = enum.auto()
    """Close the window."""
    RESET_LAYOUT = enum.auto()
    """Restore the default layout of the panels."""


@dataclass(frozen=True)
class FocusPanel:
    """Bring a panel to the front."""

    title: str
    """One of `PANELS`."""


@dataclass(frozen=True)
class NameMarker:
    """Ask for the name of a marker on the timeline."""

    frame: int
    """Frame of the marker."""


WindowRequest = WindowCommand | FocusPanel | NameMarker


class WindowState:
    """What is open and shown in the window. The window carries out the requests before its next frame."""

    def __init__(self) -> None:
        self.dialogs: set[str] = set()
        """Names of the open dialogs."""
        self.full_screen = False
        """Whether the window fills the screen."""
        self.hide_interface = False
        """Whether only the picture is shown."""
        self.panel = PANELS[0]
        """The panel that was brought to the front last."""
        self.requests: list[WindowRequest] = []
        """Requests that wait for the next frame, oldest first."""
        self.read_clipboard: Callable[[], str] = lambda: ""
        """Returns the text on the clipboard; set by the window."""
        self.write_clipboard: Callable[[str], None] = lambda text: None
        """Puts text on the clipboard; set by the window."""

    def request(self, request: WindowRequest) -> None:
        """Add a request, to be carried out before the next frame."""
        self.requests.append(request)

    def focus_panel(self, title: str) -> None:
        """Bring a panel to the front."""
        self.request(FocusPanel(title))

    def focus_next_panel(self, step: int) -> None:
        """Bring the panel that is `step` places after the last one to the front."""
        self.focus_panel(PANELS[(PANELS.index(self.panel) + step) % len(PANELS)])

    def take_requests(self) -> list[WindowRequest]:
        """Return the waiting requests and forget them."""
        requests, self.requests = self.requests, []
        return requests
