from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.viewer.serve.fakes import FakeControl
from viewer.serve.events import Action, ViserThread, assign, on_change, on_click


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_functions_are_called_in_the_thread_of_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    call = ViserThread(loop)
    inside = call(threading.get_ident)
    assert inside != threading.get_ident()
    assert call(lambda: call(threading.get_ident)) == inside  # a call within a call does not wait for itself
    with pytest.raises(ZeroDivisionError):
        call(lambda: 1 // 0)


def test_a_loop_that_has_ended_is_an_error_and_nothing_waits(loop: asyncio.AbstractEventLoop) -> None:
    ended = asyncio.new_event_loop()
    ended.close()
    with pytest.raises(RuntimeError):
        ViserThread(ended)(lambda: None)


def test_changes_carry_the_value_they_had(loop: asyncio.AbstractEventLoop) -> None:
    control, posted, values = FakeControl("add_slider", "x", 0), list[Action](), list[object]()
    on_change(control, posted.append, values.append)
    control.use(1)
    control.use(2)
    for action in posted:
        action()
    assert values == [1, 2]


def test_clicks_carry_the_label_of_the_button() -> None:
    control, values = FakeControl("add_button_group", "Step", "Next"), list[object]()
    posted = list[Action]()
    on_click(control, posted.append, values.append)
    control.use("Previous")
    posted[0]()
    assert values == ["Previous"]


def test_only_changes_are_assigned() -> None:
    class Counting:
        assigned = 0

        def __setattr__(self, name: str, value: object) -> None:
            Counting.assigned += 1
            object.__setattr__(self, name, value)

    handle = Counting()
    handle.label = "a"  # type: ignore[attr-defined]
    for label in ("a", "b", "b"):
        assign(handle, "label", label)
    assert Counting.assigned == 2 and handle.label == "b"  # type: ignore[attr-defined]
