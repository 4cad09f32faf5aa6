"""Fixtures and hooks of all tests."""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.crash_handlers import keep_standard_error

TESTS = Path(__file__).parent

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in run_viewer.py, and before anything loads PyTorch

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # there is a test process per core already
    os.environ.setdefault("LP_NUM_THREADS", "0")  # so OpenGL in software draws on the thread that asks, without waking others

if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # else each of the many programs that tests start compiles all sources
    sys.dont_write_bytecode = False

KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""Lets the C library of Linux keep freed memory. Tests that compute take a fifteenth longer when it asks the system again."""

if "PYTEST_XDIST_WORKER" in os.environ:  # this process has read it; programs that tests start behave as for a user
    for name in [name for name, value in KEEP_FREED_MEMORY.items() if os.environ.get(name) == value]:
        del os.environ[name]

settings.register_profile("no deadline", deadline=None)  # a slow example on a busy machine is not a fault
settings.load_profile("no deadline")


def pytest_configure(config: pytest.Config) -> None:
    """Note where tracebacks of crashes go."""
    keep_standard_error(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Look for no garbage in the modules, neither while they are loaded, which takes a fifth longer with it, nor later."""
    gc.disable()
    try:
        load_modules_in_another_order(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def load_modules_in_another_order(config: pytest.Config) -> None:
    """Load all test modules, beginning elsewhere in each process, where all tests are collected.

    In a new checkout, loading a module compiles it. Processes that load them in the same order all compile each module; in
    different orders, each finds most of them compiled by another one.
    """
    worker, count = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if not worker or config.args != config.getini("testpaths"):
        return
    modules = sorted(path.relative_to(config.rootpath) for path in TESTS.rglob("test_*.py"))
    first = len(modules) * int(worker.removeprefix("gw")) // count
    for path in modules[first:] + modules[:first]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # the collection meets it again, and reports it
            importlib.import_module(".".join(path.with_suffix("").parts))


def pytest_xdist_setupnodes() -> None:
    """Let the test processes keep freed memory; the C library reads this when a process starts."""
    for name, value in KEEP_FREED_MEMORY.items():
        os.environ.setdefault(name, value)


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Start one process more than there are cores: it computes while others wait, as tests do an eighth of their time."""
    cores = yield
    return cores if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else cores + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start slow tests first, so that no test process is left with one while the others have finished.

    A single process keeps the order of the files: it would make a file's shared fixtures for its slow tests and for the others.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _no_real_time_threads() -> Iterator[None]:
    """Fail a test after which the main thread has another priority: a real-time thread starves all tests after it."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    after = os.sched_getscheduler(0)
    if after != before:
        os.sched_setscheduler(0, before, os.sched_param(0))
    assert after == before, "an encoder made this thread a real-time thread; open it within `unchanged_scheduling`"
