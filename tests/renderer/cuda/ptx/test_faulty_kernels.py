"""The PTX interpreter computes correct results and detects what would fail on a real GPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.renderer.cuda import emulated_gpu
from tests.renderer.cuda.ptx import fragments
from tests.renderer.cuda.ptx.gpu import PtxProcessor, compile_to_ptx
from tests.renderer.cuda.ptx.parser import parse_program
from tests.renderer.cuda.test_emulation import FAULTY_KERNELS, launch

pytestmark = [pytest.mark.native, pytest.mark.gpu]

pytest.importorskip("cuda.core")
pytest.importorskip("nvidia.cu13", reason="needs the package nvidia-cuda-nvrtc")

HERE = Path(__file__).resolve().parent
INCLUDED = (HERE, emulated_gpu.KERNELS / "cuda", emulated_gpu.KERNELS / "include")

PTX_NAMES = {"__syncthreads": "bar.sync", "__shfl_sync": "shfl.sync.idx.b32"}
"""The PTX names of the functions in the emulation's messages."""


def faulty_processor(architecture: str) -> PtxProcessor:
    source = HERE.with_name("faulty_kernels.cpp").read_text(encoding="utf-8")
    options = [f"--gpu-architecture=sm_{architecture}", "--std=c++17", "--device-as-default-execution-space"]
    options += [f"--include-path={folder}" for folder in INCLUDED]
    text = compile_to_ptx(source, "faulty_kernels.cu", [option.encode() for option in options])
    processor = PtxProcessor()
    processor.load(text, list(parse_program(text)))
    processor.at_random = True
    return processor


@pytest.fixture(scope="module", params=["75", "86", "120"])
def processor(request: pytest.FixtureRequest) -> Iterator[PtxProcessor]:
    yield faulty_processor(request.param)


@pytest.mark.parametrize("seed", range(3))
def test_blocks_sum_through_shared_memory(processor: PtxProcessor, seed: int) -> None:
    source = torch.randn(5 * 64)
    out = launch(processor, "sums", 5, source, blocks=5, seed=seed)
    assert torch.allclose(out, source.view(5, 64).sum(1), atol=1e-5)


def test_atomics_count_every_thread(processor: PtxProcessor) -> None:
    assert launch(processor, "count_atomically", 1, blocks=3, clear=True).view(torch.int32).item() == 192


def test_warps_wait_for_their_lanes(processor: PtxProcessor) -> None:
    out = launch(processor, "swap_in_warp", 64, count=1)
    assert out.tolist() == [i ^ 1 for i in range(64)]


def test_halves_round_as_torch_rounds_them(processor: PtxProcessor) -> None:
    values = torch.randn(4096, generator=torch.Generator().manual_seed(1)) * 2.0 ** torch.randint(-28, 17, (4096,))
    values[:8] = torch.tensor([0.0, -0.0, 65504.0, 65519.9, 65520.0, 2.0**-24, 2.0**-25, 1 + 2.0**-11])
    out = launch(processor, "round_to_half", len(values), values, blocks=len(values) // 32, threads=32)
    assert torch.equal(out, values.clamp(-65504, 65504).half().float())


def product_error(processor: PtxProcessor) -> float:
    """Return how far a product of matrices on the tensor core is from torch's."""
    generator = torch.Generator().manual_seed(2)
    A, B, D = (torch.randn(16, n, generator=generator) for n in (16, 8, 8))
    out = launch(processor, "multiply_matrices", 128, torch.cat([A.flatten(), B.flatten(), D.flatten()]), threads=32)
    return float((out.view(16, 8).double() - (A.half().double() @ B.half().double() + D.double())).abs().max())


def test_matrices_are_multiplied(processor: PtxProcessor) -> None:
    assert product_error(processor) < 1e-5


def exchange_lanes(monkeypatch: pytest.MonkeyPatch, matrix: str, lanes: tuple[int, int]) -> None:
    """Exchange the elements of two lanes in the table, so that it differs from the kernels' layout."""
    for name, shape in fragments.SHAPES.items():
        fragment: fragments.Fragment = getattr(shape, matrix)
        order = np.arange(32)
        order[list(lanes)] = lanes[::-1]
        swapped = fragments.Fragment(fragment.rows[order], fragment.columns[order], fragment.shape)
        monkeypatch.setitem(fragments.SHAPES, name, replace(shape, **{matrix: swapped}))


@pytest.mark.parametrize("matrix", ["a", "b", "d"])
@pytest.mark.parametrize("lanes", [(0, 1), (3, 4), (7, 30)])
def test_exchanged_lanes_of_fragments_are_noticed(
    processor: PtxProcessor, monkeypatch: pytest.MonkeyPatch, matrix: str, lanes: tuple[int, int]
) -> None:
    exchange_lanes(monkeypatch, matrix, lanes)
    assert product_error(processor) > 0.1


@pytest.mark.parametrize(("kernel", "complaint", "options"), FAULTY_KERNELS)
def test_faulty_kernels_are_caught(processor: PtxProcessor, kernel: str, complaint: str, options: dict[str, object]) -> None:
    for name, ptx_name in PTX_NAMES.items():
        complaint = complaint.replace(name, ptx_name)
    for seed in range(4):
        with pytest.raises(AssertionError, match=f"{kernel}: .*({complaint})"):
            launch(processor, kernel, seed=seed, **options)  # type: ignore[arg-type]
