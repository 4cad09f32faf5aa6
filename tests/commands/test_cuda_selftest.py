"""The command --selftest, on machines with and without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest
import torch

from model.bundle.info import write_bundle
from renderer.cuda.gl_buffer import InteropFault
from renderer.selftest.report import Check
from tests.factories import make_video
from tests.viewer.gl.test_direct_display import EmulatedBuffer, cuda_image, random_pixels
from viewer.cli import main
from viewer.commands import cuda_selftest


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "small.mlpvid"
    write_bundle(make_video(), path, "float16")
    return path


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_report_says_what_is_missing(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle), "--selftest"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("CUDA self-test\nok     versions: ") and "FAILED device: backend cuda: " in printed.out
    assert printed.err.startswith("error: --selftest: backend cuda: ") and printed.err.count("\n") == 1
    assert "install " in printed.err and "issue" not in printed.err


def test_a_bad_report_is_for_an_issue(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [Check("device", True, "fine"), Check("bake_grids", False, "off"), Check("interop", False, "no context")]
    monkeypatch.setattr(cuda_selftest, "run_selftest", lambda *_, **__: checks)
    assert main([str(bundle), "--selftest"]) == 2
    printed = capsys.readouterr()
    assert "FAILED bake_grids: off" in printed.out and "2 of 3 checks FAILED" in printed.out
    assert printed.err == "error: --selftest: failed: bake_grids, interop; paste the report above into an issue\n"


def test_a_good_report_is_a_success(bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cuda_selftest, "run_selftest", lambda *_, **__: [Check("device", True, "fine")])
    assert main([str(bundle), "--selftest"]) == 0
    assert capsys.readouterr().out == "CUDA self-test\nok     device: fine\nall 1 checks passed\n"


@pytest.mark.parametrize("lazy", [False, True])
def test_pixels_make_the_round_trip(monkeypatch: pytest.MonkeyPatch, lazy: bool) -> None:
    def share(_image: Any, buffer: moderngl.Buffer) -> EmulatedBuffer:
        buffer.write(np.zeros(buffer.size, np.uint8).tobytes())
        return EmulatedBuffer(buffer, [], lazy)

    monkeypatch.setattr(cuda_selftest, "connect", share)
    image = cuda_image(random_pixels(6, 4))
    if lazy:
        with pytest.raises(RuntimeError, match="no pixels arrived"):
            cuda_selftest.round_trip(image.driver, image)
    else:
        assert cuda_selftest.round_trip(image.driver, image).startswith("6x4 pixels arrived in ")


def test_the_context_that_can_share_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def share(_image: Any, buffer: moderngl.Buffer) -> EmulatedBuffer:
        tried.append(1)
        if len(tried) < 2:
            raise InteropFault("no NVIDIA GPU draws the window", "start with X")
        return EmulatedBuffer(buffer, [])

    def contexts() -> Iterator[moderngl.Context]:
        for _ in range(2):
            yield moderngl.create_context(standalone=True, require=330, backend="egl")  # type: ignore[arg-type]

    monkeypatch.setattr(cuda_selftest, "connect", share)
    monkeypatch.setattr(cuda_selftest, "hidden_contexts", contexts)
    image = cuda_image(random_pixels(6, 4))
    assert "pixels arrived" in cuda_selftest.round_trip(image.driver, image) and len(tried) == 2
    tried.clear()
    monkeypatch.setattr(cuda_selftest, "hidden_contexts", lambda: iter([next(contexts())]))
    with pytest.raises(RuntimeError, match="no NVIDIA GPU draws the window; start with X"):
        cuda_selftest.round_trip(image.driver, image)


def test_a_machine_without_opengl_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_selftest, "hidden_contexts", lambda: iter(()))
    image = cuda_image(random_pixels(6, 4))
    with pytest.raises(RuntimeError, match="no OpenGL"):
        cuda_selftest.round_trip(image.driver, image)
