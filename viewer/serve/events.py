"""What a browser does, as actions that the server's thread runs one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Action = Callable[[], object]
"""Something that a visitor asked for."""

Post = Callable[[Action], None]
"""Gives an action to the server's thread. It may be called from any thread."""


def on_change(handle: Any, post: Post, action: Callable[[Any], object]) -> None:
    """Run `action` with the new value whenever the visitor changes a control.

    Args:
        handle: viser's control. Values that the server assigns are not reported.
        post: gives the action to the server's thread.
        action: takes the value.
    """

    async def changed(event: Any) -> None:  # viser runs async functions in the order of events
        if event.client is not None:
            value = handle.value
            post(lambda: action(value))

    handle.on_update(changed)


def on_click(handle: Any, post: Post, action: Callable[[Any], object]) -> None:
    """Run `action` with the button's value whenever the visitor clicks; a group of buttons has the clicked one's label.

    Args:
        handle: viser's button, or group of buttons.
        post: gives the action to the server's thread.
        action: takes the value.
    """

    async def clicked(event: Any) -> None:
        value = event.target.value
        post(lambda: action(value))

    handle.on_click(clicked)


def assign(handle: Any, name: str, value: object) -> None:
    """Set a property of a control unless it has this value already: every assignment is sent to the browser."""
    if getattr(handle, name) != value:
        setattr(handle, name, value)
