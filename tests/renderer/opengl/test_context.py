"""Contexts have compute shaders where the driver has them, and everything works where it has none."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

import moderngl
import psutil
import pytest

from renderer.opengl import context as context_module
from renderer.opengl.context import create_context
from renderer.opengl.passes import RenderOptions
from renderer.opengl.renderer import OpenGLRenderer
from tests.factories import make_camera, make_video

OLD_DRIVER = """
import numpy as np
from renderer.agreement import agreement, small_video
from renderer.opengl.color_pass import FragmentColorPass, has_compute
from renderer.opengl.decode_fragments import FragmentDecoder
from renderer.opengl.decoding import decodings
from renderer.opengl.renderer import OpenGLRenderer

renderer, video = OpenGLRenderer(2), small_video()
assert not renderer.run(has_compute)
assert agreement(renderer) >= 45
assert isinstance(renderer._render_passes(video.config).color_pass, FragmentColorPass)
measured = renderer.measure_decodings(video)
assert measured["shaders"].agreement >= 60
"""


def test_compute_shaders_are_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some drivers give exactly the version that a program asks for, even if they have a later one."""
    create, asked = moderngl.create_context, []

    def recording(**options: Any) -> moderngl.Context:
        asked.append(options["require"])
        return create(**options)

    monkeypatch.setattr(moderngl, "create_context", recording)
    create_context().release()
    assert asked[0] == 430


@pytest.mark.slow
def test_a_driver_of_opengl_3_3_renders_and_decodes_with_fragment_shaders() -> None:
    environment = {**os.environ, "MESA_GL_VERSION_OVERRIDE": "3.3", "MESA_GLSL_VERSION_OVERRIDE": "330"}
    done = subprocess.run([sys.executable, "-c", OLD_DRIVER], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_display_is_not_asked_where_software_works_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    create = context_module._create

    def note(options: dict[str, object]) -> moderngl.Context:
        asked.append(options)
        return create(options)

    monkeypatch.setattr(context_module, "_create", note)
    context = context_module.create_context()
    if not context_module.is_software(context):
        pytest.skip("this machine has a graphics card")
    context.release()
    assert {"backend": "egl", "device_index": 0} in asked and {} not in asked


@pytest.mark.slow
def test_a_closed_renderer_gives_its_memory_back() -> None:
    """In software, a context and its buffers take more than 100 MiB of the process."""

    def used_after_another() -> int:
        renderer, video = OpenGLRenderer(2, RenderOptions(grouped=True)), make_video(num_frames=1)
        renderer.render(renderer.prepare(video, 0), make_camera(32, 32))
        renderer.close()
        del renderer
        gc.collect()
        return int(psutil.Process().memory_info().rss)

    used = [used_after_another() for _ in range(10)]
    # The first ones also allocate what all share, and in a long process threads still get new heaps. A leak of a context would
    # show between any two.
    growth = min(after - before for before, after in zip(used[2:], used[5:], strict=False))
    assert growth < 150 << 20
