"""Which GPUs are used, and what users read when none is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from common.errors import InputError
from renderer.cuda.usable import check_device, has_kernels, usable_devices
from renderer.select import create_renderer

FULL = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]
OLDER = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
GPUS = {"GTX 1060": ((6, 1), 10), "RTX 3050": ((8, 6), 20), "RTX 2080": ((7, 5), 46), "RTX 5090": ((12, 0), 170)}
"""Compute capability and multiprocessors."""

FORCE = "pip install --force-reinstall torch==2.13.0 --index-url https://download.pytorch.org/whl"


def pretend(patch: pytest.MonkeyPatch, *gpus: str, architectures: list[str] = FULL, built: str | None = "13.0") -> None:
    """Let torch find GPUs; `built` is its own CUDA version."""
    pytest.importorskip("cuda.core")
    found = [
        SimpleNamespace(name=name, multi_processor_count=GPUS[name][1], total_memory=8 << 30, capability=GPUS[name][0])
        for name in gpus
    ]
    for name, value in {
        "is_available": lambda: bool(found),
        "device_count": lambda: len(found),
        "get_device_capability": lambda index: found[index].capability,
        "get_device_name": lambda index: found[index].name,
        "get_device_properties": lambda index: found[index],
        "get_arch_list": lambda: architectures,
    }.items():
        patch.setattr(f"torch.cuda.{name}", value)
    patch.setattr("torch.backends.cuda.is_built", lambda: built is not None)
    patch.setattr("torch.version.cuda", built)
    patch.setattr("torch.__version__", "2.13.0+cpu")


def pretend_driver(patch: pytest.MonkeyPatch, version: tuple[int, int] | None) -> None:
    patch.setattr("renderer.cuda.usable.cuda_of_driver", lambda: version)
    patch.setattr("renderer.select.cuda_of_driver", lambda: version)


def test_an_old_gpu_does_not_hide_a_good_one_and_the_fastest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "GTX 1060", "RTX 3050", "RTX 2080")
    assert usable_devices() == [2, 1]
    pretend(monkeypatch, "GTX 1060")
    with pytest.raises(InputError, match=r"GTX 1060 has compute capability 6\.1; 7\.5 or higher is needed; use --backend cpu"):
        usable_devices()


def test_a_pytorch_without_kernels_for_the_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "RTX 5090", architectures=OLDER, built="12.6")
    pretend_driver(monkeypatch, (13, 0))
    with pytest.raises(InputError) as caught:
        check_device(0)
    assert "this PyTorch (CUDA 12.6) has no kernels for RTX 5090 (compute capability 12.0)" in str(caught.value)
    assert f"install one that has them: `{FORCE}/cu130`" in str(caught.value)
    pretend_driver(monkeypatch, (12, 8))
    with pytest.raises(InputError, match=r"update NVIDIA's driver to version 580 or newer, then .*whl/cu130`, or"):
        check_device(0)
    pretend(monkeypatch, "RTX 5090", "RTX 2080", architectures=OLDER, built="12.6")
    assert usable_devices() == [1]


def test_a_gpu_that_no_pytorch_of_this_version_knows_needs_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "RTX 5090", architectures=OLDER)
    pretend_driver(monkeypatch, (13, 0))
    with pytest.raises(InputError, match=r"install a newer PyTorch \(https://pytorch.org/get-started\)"):
        check_device(0)


@pytest.mark.parametrize(
    ("capability", "architectures", "works"),
    [
        ((8, 6), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80", "sm_86"], False),
        ((9, 0), ["sm_90a"], True),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((8, 9), ["compute_90"], False),
        ((12, 1), FULL, True),
    ],
)
def test_machine_code_runs_on_its_generation_and_ptx_on_later_ones(
    capability: tuple[int, int], architectures: list[str], works: bool
) -> None:
    assert has_kernels(capability, architectures) is works


@pytest.mark.parametrize(("driver", "index"), [((13, 2), "cu130"), ((13, 0), "cu130"), ((12, 9), "cu126"), ((12, 4), "cu126")])
def test_a_pytorch_for_cpus_with_an_nvidia_driver_is_noted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], driver: tuple[int, int], index: str
) -> None:
    """As on Windows, where PyPI's torch has no CUDA."""
    pretend(monkeypatch, built=None)
    pretend_driver(monkeypatch, driver)
    monkeypatch.setattr("renderer.select._opengl_if_usable", lambda *_: None)
    assert create_renderer("auto").name in ("cpu", "reference")
    note = capsys.readouterr().err
    assert "note: backend cuda: this PyTorch was built without CUDA; install one with CUDA" in note
    assert f"`{FORCE}/{index}`" in note and note.count("\n") == 1


def test_a_driver_older_than_pytorch_is_noted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(monkeypatch)
    pretend_driver(monkeypatch, (12, 4))
    monkeypatch.setattr("renderer.select._opengl_if_usable", lambda *_: None)
    create_renderer("auto")
    note = capsys.readouterr().err
    assert "NVIDIA's driver supports CUDA 12.4, but this PyTorch needs CUDA 13.0; update the driver" in note
    assert f"or install another PyTorch with `{FORCE}/cu126`" in note


def test_without_a_driver_nothing_is_noted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(monkeypatch, built=None)
    pretend_driver(monkeypatch, None)
    monkeypatch.setattr("renderer.select._opengl_if_usable", lambda *_: None)
    create_renderer("auto")
    assert capsys.readouterr().err == ""
