"""What browsers do, as actions that the server's thread runs one after the other; and calls to viser, in its own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")

TIMEOUT = 60.0
"""Seconds after which a call to viser is given up: its thread has ended."""


class ViserThread:
    """Calls functions in the thread of viser's event loop, and waits for them.

    viser's methods set an `asyncio.Event` in the calling thread, which is safe only in the loop's own: another thread can set
    it while the loop is about to wait for it, and then the browser gets no more messages.

    Args:
        loop: viser's event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, function: Callable[[], Result]) -> Result:
        """Call a function that takes little time, and return its result. It may be called from any thread.

        Raises:
            Exception: whatever the function raises.
            RuntimeError: viser has stopped.
            TimeoutError: viser has stopped, or hangs.
        """
        if _running_loop() is self._loop:
            return function()
        future: Future[Result] = Future()

        def call() -> None:
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

        self._loop.call_soon_threadsafe(call)
        return future.result(TIMEOUT)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


Call = Callable[[Callable[[], Any]], Any]
"""Calls a function where viser may be used: a `ViserThread`."""

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
