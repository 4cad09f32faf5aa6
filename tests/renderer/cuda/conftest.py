"""The emulated GPU, for tests of the CUDA renderer."""

from __future__ import annotations

import pytest

import renderer.cuda.renderer as cuda_module
from tests.renderer.cuda.emulated_gpu import EmulatedDriver


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile nothing: the emulated GPU has its own code."""
    monkeypatch.setattr(cuda_module, "load_program", lambda *_: b"")


@pytest.fixture
def driver(no_compiler: None) -> EmulatedDriver:
    """Return an emulated GPU; nothing is compiled for it."""
    return EmulatedDriver()
