"""State of the window, and requests that actions make to it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class WindowCommand(enum.Enum):
    """A request without details."""

    QUIT = enum.auto()
    """Close the window."""


@dataclass(frozen=True)
class FocusPanel:
    """Show a panel and give it the keyboard focus."""

    title: str
    """One of `WindowState.panels`."""


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
        self.sections: tuple[str, ...] = ()
        """Titles of the inspector's sections, from top to bottom; set by the window."""
        self.panel = "Picture"
        """The panel that got the keyboard focus last."""
        self.requests: list[WindowRequest] = []
        """Requests that wait for the next frame, oldest first."""
        self.read_clipboard: Callable[[], str] = lambda: ""
        """Returns the text on the clipboard; set by the window."""
        self.write_clipboard: Callable[[str], None] = lambda text: None
        """Puts text on the clipboard; set by the window."""

    @property
    def panels(self) -> tuple[str, ...]:
        """Titles of the panels, in the order in which the keyboard goes through them."""
        return ("Picture", "Timeline", *self.sections)

    def request(self, request: WindowRequest) -> None:
        """Add a request, to be carried out before the next frame."""
        self.requests.append(request)

    def focus_panel(self, title: str) -> None:
        """Show a panel and give it the keyboard focus."""
        self.request(FocusPanel(title))

    def focus_next_panel(self, step: int) -> None:
        """Show the panel that is `step` places after the last one and give it the keyboard focus."""
        self.focus_panel(self.panels[(self.panels.index(self.panel) + step) % len(self.panels)])

    def take_requests(self) -> list[WindowRequest]:
        """Return the waiting requests and forget them."""
        requests, self.requests = self.requests, []
        return requests
