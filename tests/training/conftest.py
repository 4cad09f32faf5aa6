"""Fixtures of the tests of training."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.limited_process import LimitedProcess, Limits


@pytest.fixture(scope="session")
def _one_child() -> Iterator[LimitedProcess]:
    with contextlib.closing(LimitedProcess()) as process:
        yield process


@pytest.fixture(scope="module", autouse=True)
def one_child_reads_annotations(_one_child: LimitedProcess) -> Iterator[None]:
    """Let the same child process read all files of annotations: starting one takes longer than most tests."""
    lock = threading.Lock()

    def call(function: Callable[[bytes], Any], data: bytes, subject: str | Path, limits: Limits) -> Any:
        with lock:
            return _one_child.call(function, data, subject, limits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.captures.annotations.call_limited", call)
        yield
