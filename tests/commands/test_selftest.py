"""The command --selftest, on machines with and without a GPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest
import torch

from model.bundle.info import write_bundle
from renderer.cuda.gl_buffer import InteropFault
from renderer.selftest.check import Check
from tests.factories import make_video
from tests.viewer.gl.test_direct_display import EmulatedBuffer, cuda_image, random_pixels
from viewer.cli import main
from viewer.commands import selftest as command


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "small.mlpvid"
    write_bundle(make_video(), path, "float16")
    return path


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_report_says_what_is_missing(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle), "--selftest", "--backend", "cuda"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("CUDA self-test\nok     versions: ") and "FAILED device: backend cuda: " in printed.out
    assert printed.err.startswith("error: --selftest: backend cuda: ") and printed.err.count("\n") == 1
    assert "install " in printed.err and "issue" not in printed.err


def test_it_needs_the_native_kernels(bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "mlpvid_kernels", None)  # as `pip install -r requirements-no-compiler.txt` leaves it
    assert main([str(bundle), "--selftest"]) == 2
    fault = (
        "compares with the backend cpu, but the native kernels are not installed; `pip install ./renderer/kernels` builds them"
    )
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == f"error: --selftest: {fault} (needs a C++ compiler)\n"


def test_a_bad_report_is_for_an_issue(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [Check("device", True, "fine"), Check("bake_grids", False, "off"), Check("interop", False, "no context")]
    monkeypatch.setattr(command, "cuda_checks", lambda *_, **__: checks)
    monkeypatch.setattr(command, "opengl_checks", lambda *_, **__: [Check("image", False, "20 dB")])
    assert main([str(bundle), "--selftest"]) == 2
    printed = capsys.readouterr()
    assert "FAILED bake_grids: off" in printed.out and "2 of 3 checks FAILED" in printed.out
    names = "bake_grids (CUDA), interop (CUDA), image (OpenGL)"
    assert printed.err == f"error: --selftest: failed: {names}; paste the report above into an issue\n"


def test_a_good_report_is_a_success(bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "cuda_checks", lambda *_, **__: [Check("device", True, "fine")])
    assert main([str(bundle), "--selftest", "--backend", "cuda"]) == 0
    assert capsys.readouterr().out == "CUDA self-test\nok     device: fine\nall 1 checks passed\n"


def test_a_backend_that_the_machine_lacks_is_not_a_failure(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking, fine = [Check("device", False, "none here")], [Check("device", True, "fine")]
    monkeypatch.setattr(command, "cuda_checks", lambda *_, **__: lacking)
    monkeypatch.setattr(command, "opengl_checks", lambda *_, **__: fine)
    assert main([str(bundle), "--selftest"]) == 0
    assert main([str(bundle), "--selftest", "--backend", "cuda"]) == 2
    monkeypatch.setattr(command, "opengl_checks", lambda *_, **__: lacking)
    assert main([str(bundle), "--selftest"]) == 2


def test_a_backend_without_a_self_test_is_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle), "--selftest", "--backend", "cpu"]) == 2
    assert "does not test the backend cpu; choose cuda or opengl" in capsys.readouterr().err


@pytest.mark.slow
def test_opengl_in_software_passes(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle), "--selftest", "--backend", "opengl", "--size", "64x48"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("OpenGL self-test\nok     versions: ") and "FAILED" not in printed
    assert "one plane" in printed and "time of density" in printed and "errors of the driver: GL_NO_ERROR" in printed
    assert "compute shaders\n" in printed and "fragment shaders only: PSNR" in printed and "decoding, shaders: " in printed
    assert len(printed.splitlines()) < 25, "short enough to paste"


@pytest.mark.parametrize("lazy", [False, True])
def test_pixels_make_the_round_trip(monkeypatch: pytest.MonkeyPatch, lazy: bool) -> None:
    def share(_image: Any, buffer: moderngl.Buffer) -> EmulatedBuffer:
        buffer.write(np.zeros(buffer.size, np.uint8).tobytes())
        return EmulatedBuffer(buffer, [], lazy)

    monkeypatch.setattr(command, "connect", share)
    image = cuda_image(random_pixels(6, 4))
    if lazy:
        with pytest.raises(RuntimeError, match="no pixels arrived"):
            command.round_trip(image.driver, image)
    else:
        assert command.round_trip(image.driver, image).startswith("6x4 pixels arrived in ")


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

    monkeypatch.setattr(command, "connect", share)
    monkeypatch.setattr(command, "hidden_contexts", contexts)
    image = cuda_image(random_pixels(6, 4))
    assert "pixels arrived" in command.round_trip(image.driver, image) and len(tried) == 2
    tried.clear()
    monkeypatch.setattr(command, "hidden_contexts", lambda: iter([next(contexts())]))
    with pytest.raises(RuntimeError, match="no NVIDIA GPU draws the window; start with X"):
        command.round_trip(image.driver, image)


def test_a_machine_without_opengl_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "hidden_contexts", lambda: iter(()))
    image = cuda_image(random_pixels(6, 4))
    with pytest.raises(RuntimeError, match="no OpenGL"):
        command.round_trip(image.driver, image)
