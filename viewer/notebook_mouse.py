"""The mouse over an image in a notebook. The package ipyevents, which is optional, reports what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LEFT = 1
"""The left button, among the bits of all buttons that are held."""

PIXELS_PER_NOTCH = 100.0
"""How far browsers scroll for a notch of the wheel."""

LINES_PER_NOTCH = 3.0
"""The same in lines of text, which some browsers count."""

MILLISECONDS = 50
"""Shortest time between two reports of the browser."""


class ImageMouse:
    """Reports drags and the wheel over an image.

    Args:
        image: the widget with the image.
        drag: called with the pixels that a drag went to the right and down since the last call.
        wheel: called with notches of the wheel, positive away from the user.

    Raises:
        ImportError: ipyevents is not installed.
    """

    def __init__(self, image: Any, drag: Callable[[float, float], None], wheel: Callable[[float], None]) -> None:
        from ipyevents import Event  # noqa: PLC0415 - optional

        self._drag, self._wheel = drag, wheel
        self._last: tuple[float, float] | None = None
        # The browser would drag a copy of the image, and scroll the notebook.
        events = ["mousedown", "mousemove", "mouseup", "dragstart", "wheel"]
        rate: dict[str, Any] = {"throttle_or_debounce": "throttle", "wait": MILLISECONDS}
        self._events = Event(source=image, watched_events=events, prevent_default_action=True, **rate)
        self._events.on_dom_event(self.handle)

    def handle(self, event: dict[str, Any]) -> None:
        """Handle a mouse event of the browser, as ipyevents describes it."""
        if event["type"] == "wheel":
            size = LINES_PER_NOTCH if event.get("deltaMode") else PIXELS_PER_NOTCH
            self._wheel(-event["deltaY"] / size)
            return
        here = (event["clientX"], event["clientY"])
        held = event["buttons"] & LEFT and event["type"] != "mousedown"
        if held and self._last is not None and here != self._last:
            self._drag(here[0] - self._last[0], here[1] - self._last[1])
        self._last = here if event["buttons"] & LEFT else None
