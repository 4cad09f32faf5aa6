"""The self-test, itself tested on the software GPU."""

from __future__ import annotations

from typing import Any

import pytest

import renderer.cuda as cuda_module
from renderer import selftest
from renderer.cuda_image import CudaImage
from renderer.selftest import Check, report, run_selftest
from tests.factories import make_camera
from tests.renderer.cuda_emulation import EmulatedDriver
from tests.renderer.test_cuda import small_video

pytest.importorskip("mlpvid_kernels")


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_module, "load_program", lambda *_: b"")
    monkeypatch.setattr(selftest, "compile_program", lambda *_: (b"code", ""))
    monkeypatch.setattr(selftest, "compiler_version", lambda: "13.0")


def failures(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def test_a_good_gpu_passes() -> None:
    driver = EmulatedDriver()
    sent: list[CudaImage] = []

    def interop(given: Any, image: CudaImage) -> str:
        assert given is driver
        sent.append(image)
        return "arrived"

    checks = run_selftest(small_video(), make_camera(8, 6), driver=driver, interop=interop, repeats=1)
    assert not failures(checks), report(checks)
    text = report(checks)
    assert text.startswith("CUDA self-test\nok     versions: ") and text.endswith(f"all {len(checks)} checks passed")
    for part in ("Emulated GPU (sm_86)", "bake_grids", "bake_heads", "image with tensor cores", "time of density", "interop"):
        assert part in text
    assert len(sent) == 1


def test_wrong_pixels_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = EmulatedDriver()
    download = driver.download

    def damaged(tensor: Any) -> Any:
        array: Any = download(tensor)
        return array * 0.9 if array.ndim == 3 and array.shape[2] == 4 and array.dtype.kind == "f" else array

    monkeypatch.setattr(driver, "download", damaged)
    checks = run_selftest(small_video(), make_camera(8, 6), driver=driver, repeats=1)
    assert failures(checks) == ["image with tensor cores", "image with plain floats"]
    assert report(checks).endswith(f"2 of {len(checks)} checks FAILED")


def test_faults_end_a_group_but_not_the_report() -> None:
    driver = EmulatedDriver()
    driver.faults["launch"] = "CUDA_ERROR_ILLEGAL_ADDRESS"

    def interop(*_: object) -> str:
        raise RuntimeError("no context")

    checks = run_selftest(small_video(), make_camera(6, 4), driver=driver, interop=interop, repeats=1)
    assert failures(checks) == ["unexpected", "interop"]
    assert "the GPU gave up" in report(checks) and "RuntimeError: no context" in report(checks)
    assert any(check.name == "time of color" for check in checks)


def test_a_gpu_that_cannot_be_used_ends_the_report() -> None:
    driver = EmulatedDriver()
    driver.faults["load"] = "CUDA_ERROR_NO_BINARY_FOR_GPU"
    checks = run_selftest(small_video(), make_camera(6, 4), driver=driver)
    assert failures(checks) == ["device"] and checks[-1].name == "device"
