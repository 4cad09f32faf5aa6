"""The places of picture, timeline, inspector and status bar in the window."""

from __future__ import annotations

from dataclasses import dataclass

PICTURE_SHARE = 0.5
"""Share of the window's height that the picture keeps. In a lower window, first the status bar, then the tracks, then the
whole timeline is left out."""


@dataclass(frozen=True)
class Place:
    """A rectangle of the window, screen units."""

    left: float
    """Left edge."""
    top: float
    """Upper edge."""
    width: float
    """Width."""
    height: float
    """Height; 0 if there is no room."""


@dataclass(frozen=True)
class Places:
    """Where each part of the window is."""

    picture: Place
    """The picture."""
    inspector: Place
    """The inspector, at the right; of width 0 if the layout has none."""
    timeline: Place
    """Transport and tracks, below picture and inspector."""
    status: Place
    """The status bar, at the bottom."""
    tracks: bool
    """Whether the timeline has room for its tracks."""


def divide(whole: Place, menus: float, inspector: float, timelines: tuple[float, float], status: float) -> Places:
    """Divide the window. Everything but the picture has a fixed size.

    Args:
        whole: the window.
        menus: height of the menu bar.
        inspector: width of the inspector.
        timelines: height of the timeline with and without its tracks.
        status: height of the status bar.
    """
    choices = ((timelines[0], status), (timelines[0], 0.0), (timelines[1], 0.0), (0.0, 0.0))
    below = next((c for c in choices if whole.height - menus - sum(c) >= PICTURE_SHARE * whole.height), choices[-1])
    bottom = whole.top + whole.height
    top, middle = whole.top + menus, bottom - sum(below)
    width = whole.width - inspector
    return Places(
        picture=Place(whole.left, top, width, middle - top),
        inspector=Place(whole.left + width, top, inspector, middle - top),
        timeline=Place(whole.left, middle, whole.width, below[0]),
        status=Place(whole.left, bottom - below[1], whole.width, below[1]),
        tracks=below[0] == timelines[0],
    )
