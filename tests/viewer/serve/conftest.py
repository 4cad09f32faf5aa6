"""The frames that visitors share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from renderer.cpu.renderer import CpuRenderer
from tests.factories import make_video
from viewer.serve.shared_frames import SharedFrames


@pytest.fixture
def frames() -> Iterator[SharedFrames]:
    """Yield the shared frames of a video of six frames, rendered by one thread."""
    shared = SharedFrames(CpuRenderer(threads=1), make_video(num_frames=6), None)
    yield shared
    shared.close()
