"""The emulated GPU, for tests of the CUDA renderer."""

from __future__ import annotations

import pytest

import renderer.cuda.renderer as cuda_module
from tests.renderer.cuda.emulated_gpu import EmulatedDriver


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> EmulatedDriver:
    """Return an emulated GPU; nothing is compiled for it."""
    monkeypatch.setattr(cuda_module, "load_program", lambda *_: b"")
    return EmulatedDriver()
