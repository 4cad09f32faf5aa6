"""Which backend is chosen, with and without a usable GPU."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import renderer.cuda.renderer as cuda_module
from common.errors import InputError
from model.config import OccupancyConfig, RenderConfig
from renderer.agreement import MIN_PSNR, agreement, small_video
from renderer.backend import Renderer
from renderer.cuda.driver import CudaFault
from renderer.cuda.renderer import CudaRenderer
from renderer.opengl.card import may_have_card
from renderer.opengl.color_pass import GroupedColorPass
from renderer.opengl.renderer import OpenGLRenderer
from renderer.select import create_renderer, next_renderer
from tests.renderer.cuda.emulated_gpu import EmulatedDriver

SMALLER = functools.partial(
    small_video,
    feature_plane_resolution=8,
    density_map_resolution=8,
    color_map_resolution=4,
    occupancy=OccupancyConfig(resolution=(3, 2, 2)),
    render=RenderConfig(steps_per_diagonal=32),
)
"""A video to check the emulated GPU with: it needs about a tenth of the time for this one."""


class Gpu(EmulatedDriver):
    """The emulated GPU under two numbers, as if the machine had two."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.device, self.name = torch.device("cpu", index), f"Emulated GPU {index}"


@pytest.fixture
def _a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("renderer.agreement.SIDE", 16)
    monkeypatch.setattr("renderer.agreement.small_video", SMALLER)
    monkeypatch.setattr("renderer.select.cuda_of_driver", lambda: (13, 0))
    monkeypatch.setattr("renderer.cuda.core_driver.CoreDriver", Gpu)
    monkeypatch.setattr("renderer.cuda.usable.usable_devices", lambda: [1, 0])
    monkeypatch.setattr(cuda_module, "usable_devices", lambda: [1, 0])
    monkeypatch.setattr("renderer.cuda.renderer.compiler_version", lambda: "13.5")
    monkeypatch.setattr(cuda_module, "load_program", lambda *_: b"")
    monkeypatch.setattr("renderer.select._opengl_if_usable", lambda *_: None)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path))


@pytest.mark.usefixtures("_a_gpu")
@pytest.mark.parametrize("backend", ["auto", "cuda"])
def test_a_usable_gpu_is_used(backend: str) -> None:
    assert create_renderer(backend).name == "cuda"


@pytest.mark.usefixtures("_a_gpu")
def test_a_gpu_that_cannot_be_used_is_announced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object) -> bytes:
        raise InputError("backend cuda", "its compiler is missing", "install it")

    monkeypatch.setattr(cuda_module, "load_program", refuse)
    assert create_renderer("auto").name in ("cpu", "reference")
    assert "note: backend cuda: its compiler is missing; install it" in capsys.readouterr().err
    with pytest.raises(InputError, match="its compiler is missing"):
        create_renderer("cuda")


@pytest.mark.slow
@pytest.mark.usefixtures("_a_gpu")
def test_a_gpu_that_renders_wrong_images_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    download = Gpu.download
    monkeypatch.setattr(Gpu, "download", lambda *arguments: download(*arguments) // 2)
    assert create_renderer("auto").name in ("cpu", "reference")
    assert "note: backend cuda: renders wrong images on Emulated GPU" in capsys.readouterr().err
    assert create_renderer("cuda").name == "cuda", "who insists gets it"


@pytest.mark.slow
@pytest.mark.usefixtures("_a_gpu")
@pytest.mark.parametrize("operation", ["write", "launch", "download"])
def test_a_gpu_that_fails_at_the_first_frame_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], operation: str
) -> None:
    def fail(*_: object) -> None:
        raise CudaFault(operation, "CUDA_ERROR_ILLEGAL_ADDRESS")

    monkeypatch.setattr(Gpu, operation, fail)
    assert create_renderer("auto").name in ("cpu", "reference")
    assert f"note: backend cuda: the GPU failed (CUDA_ERROR_ILLEGAL_ADDRESS in {operation})" in capsys.readouterr().err


@pytest.mark.usefixtures("_a_gpu")
def test_a_gpu_with_faults_does_not_hide_another(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(driver: Gpu, *_: object) -> None:
        raise CudaFault("write", "CUDA_ERROR_ECC_UNCORRECTABLE")

    write = Gpu.write
    monkeypatch.setattr(Gpu, "write", lambda driver, *rest: (fail if driver.device.index == 1 else write)(driver, *rest))
    assert create_renderer("auto").device == "Emulated GPU 0 (sm_86)"
    assert "CUDA_ERROR_ECC_UNCORRECTABLE" in capsys.readouterr().err


@pytest.mark.usefixtures("_a_gpu")
def test_the_gpu_of_the_window_is_checked_before_auto_moves_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = create_renderer("auto")
    assert isinstance(renderer, CudaRenderer) and renderer.device == "Emulated GPU 1 (sm_86)"
    with monkeypatch.context() as patch:
        patch.setattr("renderer.agreement.agreement", lambda _: 20.0)
        with pytest.raises(InputError, match="wrong images on Emulated GPU 0"):
            renderer.use_device(0)
    assert renderer.device == "Emulated GPU 1 (sm_86)"


@pytest.mark.slow
@pytest.mark.usefixtures("_a_gpu")
def test_a_checked_gpu_may_still_be_changed_for_that_of_the_window() -> None:
    renderer = create_renderer("auto")
    assert isinstance(renderer, CudaRenderer)
    assert renderer.use_device(0) and renderer.device == "Emulated GPU 0 (sm_86)"


@pytest.mark.usefixtures("_a_gpu")
def test_a_gpu_is_checked_once_per_driver_and_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def agree(renderer: Renderer) -> float:
        checked.append(renderer.name)
        return 60.0

    monkeypatch.setattr("renderer.agreement.agreement", agree)
    for _ in range(2):
        assert create_renderer("auto").name == "cuda"
    assert checked == ["cuda"]
    monkeypatch.setattr(Gpu, "driver_version", "999.9")
    create_renderer("auto")
    assert checked == ["cuda"] * 2, "another driver is checked again"
    monkeypatch.setattr("renderer.cuda.renderer.compiler_version", lambda: "99.9")
    create_renderer("auto")
    monkeypatch.setattr("torch.__version__", "99.9.9+cu999")
    create_renderer("auto")
    assert checked == ["cuda"] * 4, "other compilers of its kernels are checked again"


def test_the_next_backend_is_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderer.select._opengl_if_usable", lambda *_: None)
    assert next_renderer("cuda").name == next_renderer("opengl").name == "cpu"
    assert next_renderer("cpu", threads=1).name == "reference"
    with pytest.raises(InputError, match=r"backend reference: failed, and no other backend is left"):
        next_renderer("reference")


@pytest.mark.slow
@pytest.mark.usefixtures("_a_card")
def test_opengl_comes_after_cuda() -> None:
    assert next_renderer("cuda").name == "opengl"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_cuda_is_refused_and_auto_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"^backend cuda: .*; .*--backend cpu$"):
        create_renderer("cuda")
    assert create_renderer("auto").name in ("cpu", "reference")
    assert "backend cuda" not in capsys.readouterr().err


class Card(OpenGLRenderer):
    """Software OpenGL that claims to be a graphics card."""

    def __init__(self, threads: int | None = None) -> None:
        super().__init__(threads)
        self.software = False


@pytest.fixture
def _a_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("renderer.select.cuda_of_driver", lambda: None)
    monkeypatch.setattr("renderer.opengl.card.may_have_card", lambda: True)
    monkeypatch.setattr("renderer.opengl.renderer.OpenGLRenderer", Card)
    monkeypatch.setattr("renderer.opengl.color_pass.is_software", lambda _: False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path))


@pytest.mark.slow
@pytest.mark.usefixtures("_a_card")
def test_auto_takes_opengl_on_a_graphics_card() -> None:
    assert create_renderer("auto").name == "opengl"


@pytest.mark.usefixtures("_a_card")
def test_a_card_that_renders_wrong_images_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("renderer.agreement.agreement", lambda _: 20.0)
    assert create_renderer("auto").name in ("cpu", "reference")
    assert "note: backend opengl: renders wrong images on" in capsys.readouterr().err
    assert create_renderer("opengl").name == "opengl", "who insists gets it"


@pytest.mark.slow
@pytest.mark.usefixtures("_a_card")
@pytest.mark.parametrize("wrong", ["the image", "the shaders"])
def test_a_card_whose_compute_shaders_are_wrong_renders_without_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    def color_wrongly(self: GroupedColorPass, *_: object) -> None:
        if wrong == "the shaders":
            raise AttributeError("no compute shaders")

    monkeypatch.setattr(GroupedColorPass, "draw", color_wrongly)
    renderer = create_renderer("auto")
    assert renderer.name == "opengl" and "note" not in capsys.readouterr().err
    assert agreement(renderer) >= MIN_PSNR, "it renders the right image"
    renderer.close()  # type: ignore[attr-defined]
    again = create_renderer("auto")
    assert again.name == "opengl", "the verdict is kept"
    again.close()  # type: ignore[attr-defined]


def test_opengl_in_software_is_never_taken_by_auto(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("renderer.opengl.card.may_have_card", lambda: True)
    monkeypatch.setattr("renderer.opengl.context.is_software", lambda _: True)
    assert create_renderer("auto").name != "opengl"
    assert "opengl" not in capsys.readouterr().err


def test_a_machine_without_opengl_is_told_only_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: dict[str, object]) -> None:
        raise RuntimeError("libEGL.so: cannot open")

    monkeypatch.setattr("renderer.opengl.card.may_have_card", lambda: True)
    monkeypatch.setattr("renderer.opengl.context._create", fail)
    assert create_renderer("auto").name != "opengl" and "OpenGL" not in capsys.readouterr().err
    with pytest.raises(InputError, match=r"OpenGL 3.3 is not available \(libEGL.so: cannot open\); install a graphics driver"):
        create_renderer("opengl")


def test_device_files_of_graphics_cards(tmp_path: Path) -> None:
    if sys.platform.startswith("linux"):
        assert not may_have_card(tmp_path)
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    assert may_have_card(tmp_path)


@pytest.mark.slow
def test_nothing_of_nvidia_is_needed_to_import() -> None:
    """On machines without driver and packages, such as those with AMD or Apple GPUs, everything except rendering works."""
    program = """
import sys
for name in ("cuda", "cuda.core", "cuda.bindings", "nvidia"):
    sys.modules[name] = None
import renderer.cuda.renderer, renderer.cuda.gl_buffer, renderer.selftest.cuda
import training.fields.tiny_cuda_nn, viewer.gl.direct_display
from renderer.select import create_renderer, next_renderer
assert "cuda-core" in renderer.selftest.cuda.versions() and renderer.selftest.cuda.installed_driver() == "none"
assert create_renderer("auto").name in ("cpu", "reference")
"""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_auto_takes_no_backend_without_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderer.select.BACKENDS", {"auto": "Auto", "new": "New"})
    with pytest.raises(InputError, match="no other backend is left"):
        create_renderer("auto")
