"""The self-test of the CUDA backend, on the emulated GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import renderer.cuda.renderer as cuda_module
from model.config import HashEncodingConfig
from model.hash_levels import hash_levels
from renderer.baked import group_layout
from renderer.cpu.renderer import CpuRenderer
from renderer.cuda.image import CudaImage
from renderer.cuda.renderer import CudaRenderer
from renderer.selftest import cuda as selftest
from renderer.selftest.check import Check, report
from renderer.selftest.cuda import _level_by_level, cuda_checks
from renderer.selftest.kernels import density_checks, grouping_checks
from tests.factories import make_camera
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.small_videos import small_video

pytestmark = [pytest.mark.native, pytest.mark.gpu]

pytest.importorskip("mlpvid_kernels")


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_module, "load_program", lambda *_: b"")
    monkeypatch.setattr(selftest, "compile_program", lambda *_: (b"code", ""))
    monkeypatch.setattr(selftest, "compiler_version", lambda: "13.0")


def failures(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


@pytest.mark.parametrize("kernel", ["count_heads", "scan_heads", "scatter_heads", "density_pass", "composite"])
def test_a_kernel_that_errs_is_named(monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    driver = EmulatedDriver()
    launch = driver.launch
    buffers = {"count_heads": "key_counts", "scan_heads": "key_starts", "scatter_heads": "order"}

    def wrong(name: str, *arguments: Any) -> None:
        launch(name, *arguments)
        if name == "composite" and kernel in buffers:
            renderer.workspace.tensors[buffers[kernel]].add_(1)

    monkeypatch.setattr(driver, "launch", wrong)
    renderer, native, video, camera = CudaRenderer(driver), CpuRenderer(), small_video(), make_camera(8, 6)
    frame, wanted = renderer.prepare(video, 0.0), native.render(native.prepare(video, 0.0), camera)
    image: Any = renderer.render(frame, camera)
    if kernel == "density_pass":
        wanted.counts[:] = wanted.counts + 5
    if kernel == "composite":
        wanted.depth[:] = wanted.depth * 1.1
    outcomes = [*density_checks(image, wanted), *grouping_checks(renderer, frame, image)]
    assert any(name.startswith(kernel) for name, passed, _ in outcomes if not passed)


@pytest.mark.parametrize("overrides", [{"assignment": "bilinear"}, {"color_map_resolution": 1}, {"mlp_planes": ("xz",)}])
def test_kernels_of_all_kinds_of_videos_pass(overrides: dict[str, object]) -> None:
    renderer, video, camera = CudaRenderer(EmulatedDriver()), small_video(**overrides), make_camera(8, 6)  # type: ignore[arg-type]
    frame = renderer.prepare(video, 0.0)
    outcomes = list(grouping_checks(renderer, frame, renderer.render(frame, camera)))
    assert [name for name, passed, _ in outcomes if passed] == ["count_heads", "scan_heads", "scatter_heads"]


def test_a_good_gpu_passes() -> None:
    driver = EmulatedDriver()
    sent: list[CudaImage] = []

    def interop(given: Any, image: CudaImage) -> str:
        assert given is driver
        sent.append(image)
        return "arrived"

    checks = cuda_checks(small_video(), make_camera(8, 6), driver=driver, interop=interop, repeats=1)
    assert not failures(checks), report("CUDA", checks)
    text = report("CUDA", checks)
    assert text.startswith("CUDA self-test\nok     versions: ") and text.endswith(f"all {len(checks)} checks passed")
    for name in ("decoder", "density_pass, samples marched", "count_heads", "scan_heads", "scatter_heads", "composite, depth"):
        assert f"ok     {name}: " in text
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
    checks = cuda_checks(small_video(), make_camera(8, 6), driver=driver, repeats=1)
    assert failures(checks) == ["image with tensor cores", "image with plain floats"]
    assert report("CUDA", checks).endswith(f"2 of {len(checks)} checks FAILED")


def test_faults_end_a_group_but_not_the_report() -> None:
    driver = EmulatedDriver()
    driver.faults["launch"] = "CUDA_ERROR_ILLEGAL_ADDRESS"

    def interop(*_: object) -> str:
        raise RuntimeError("no context")

    checks = cuda_checks(small_video(), make_camera(6, 4), driver=driver, interop=interop, repeats=1)
    assert failures(checks) == ["unexpected", "interop"]
    assert "the GPU failed" in report("CUDA", checks) and "RuntimeError: no context" in report("CUDA", checks)
    assert any(check.name == "time of color" for check in checks)


def test_a_gpu_that_cannot_be_used_ends_the_report() -> None:
    driver = EmulatedDriver()
    driver.faults["load"] = "CUDA_ERROR_NO_BINARY_FOR_GPU"
    checks = cuda_checks(small_video(), make_camera(6, 4), driver=driver)
    assert failures(checks) == ["device"] and checks[-1].name == "device"


@pytest.mark.parametrize("channels", [2, 4])
def test_grids_of_any_group_become_the_same_features_of_nodes(channels: int) -> None:
    config = HashEncodingConfig(num_levels=3, features_per_level=4, base_resolution=4, finest_resolution=9)
    random = np.random.default_rng()
    levels = [random.normal(size=(3, level.resolution**2, 4)).astype(np.float32) for level in hash_levels(config)]
    starts = range(0, 4, channels)
    grids = np.concatenate([level[:, :, start : start + channels] for level in levels for start in starts], axis=1)
    assert grids.shape[1] == group_layout(config, channels).used
    unused = np.full((3, 5, channels), np.nan, np.float32)
    found = _level_by_level(np.concatenate([grids, unused], axis=1), config)
    np.testing.assert_array_equal(found, np.concatenate(levels, axis=1))
