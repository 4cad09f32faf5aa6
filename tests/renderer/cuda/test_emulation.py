"""The emulated GPU computes correct results and detects what would fail on a real one."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from renderer.cuda import structs as cuda_structs
from tests.renderer.cuda.emulated_gpu import EmulatedDriver, load_library

pytestmark = [pytest.mark.native, pytest.mark.gpu]


FAULTY_KERNELS: list[tuple[str, str, dict[str, object]]] = [
    ("race", "race: two writes", {}),
    ("race_of_blocks", "race: a .* and a ", {"blocks": 4, "clear": True}),
    ("count_carelessly", "race", {"blocks": 2, "clear": True}),
    ("sums_without_barrier", "race|never written", {"source": torch.ones(64)}),
    ("swap_in_warp", "race|never written", {"count": 0}),
    ("write_beyond", "write out of bounds", {"count": 64, "blocks": 2}),
    ("read_before", "read out of bounds", {"source": torch.ones(64)}),
    ("read_unwritten", "never written", {}),
    ("read_unwritten_shared", "never written", {"shared": 256}),
    ("write_beyond_shared", "write out of bounds", {"shared": 256}),
    ("misaligned", "misaligned", {}),
    ("divergent_barrier", "__syncthreads is not reached by all", {}),
    ("divergent_shuffle", "__shfl_sync is not reached by all", {}),
]
"""Kernels of faulty_kernels.cpp, the fault to detect in each, and options of `launch`."""


class Job(ctypes.Structure):
    _fields_ = [
        ("out", ctypes.c_uint64),
        ("input", ctypes.c_uint64),
        ("count", ctypes.c_int32),
        ("unused", ctypes.c_int32),
    ]


@pytest.fixture
def library() -> ctypes.CDLL:
    return load_library(Path(__file__).with_name("faulty_kernels.cpp"))


def launch(
    library: Any,
    name: str,
    out: int = 64,
    source: torch.Tensor | None = None,
    blocks: int = 1,
    threads: int = 64,
    count: int = 0,
    shared: int = 0,
    seed: int = 0,
    clear: bool = False,
) -> torch.Tensor:
    driver = EmulatedDriver(library, 1 << 20)
    driver.seed = seed
    output = driver.empty((out,), torch.float32)
    if clear:
        driver.zero(output)
    given = driver.upload(torch.zeros(1) if source is None else source)
    job = Job(output.data_ptr(), given.data_ptr(), count)
    driver.launch(name, (blocks, 1, 1), threads, shared, [job])
    return output.clone()


@pytest.mark.parametrize("seed", range(3))
def test_blocks_sum_through_shared_memory(library: ctypes.CDLL, seed: int) -> None:
    source = torch.randn(5 * 64)
    out = launch(library, "sums", 5, source, blocks=5, seed=seed)
    assert torch.allclose(out, source.view(5, 64).sum(1), atol=1e-5)


def test_atomics_count_every_thread(library: ctypes.CDLL) -> None:
    assert launch(library, "count_atomically", 1, blocks=3, clear=True).view(torch.int32).item() == 192


def test_warps_wait_for_their_lanes(library: ctypes.CDLL) -> None:
    out = launch(library, "swap_in_warp", 64, count=1)
    assert out.tolist() == [i ^ 1 for i in range(64)]


def test_matrices_are_multiplied(library: ctypes.CDLL) -> None:
    A, B, D = torch.randn(16, 16), torch.randn(16, 8), torch.randn(16, 8)
    out = launch(library, "multiply_matrices", 128, torch.cat([A.flatten(), B.flatten(), D.flatten()]), threads=32)
    wanted = A.half().double() @ B.half().double() + D.double()
    assert torch.allclose(out.view(16, 8).double(), wanted, atol=1e-5)


def test_halves_round_as_torch_rounds_them(library: ctypes.CDLL) -> None:
    generator = np.random.default_rng(1)
    scales = 2.0 ** generator.integers(-28, 17, 4000)
    special = [0.0, -0.0, 65504.0, 65519.9, 65520.0, 1e9, 2.0**-24, 2.0**-25, 2.0**-14, 1 + 2.0**-11, 1 + 3 * 2.0**-11]
    values = torch.tensor([*(generator.uniform(-1, 1, 4000) * scales), *special], dtype=torch.float32)
    values = torch.nn.functional.pad(values, (0, -len(values) % 32))
    out = launch(library, "round_to_half", len(values), values, blocks=len(values) // 32, threads=32)
    assert torch.equal(out, values.clamp(-65504, 65504).half().float())


@pytest.mark.parametrize(("kernel", "complaint", "options"), FAULTY_KERNELS)
def test_faulty_kernels_are_caught(library: ctypes.CDLL, kernel: str, complaint: str, options: dict[str, object]) -> None:
    for seed in range(4):
        with pytest.raises(AssertionError, match=f"{kernel}: .*({complaint})"):
            launch(library, kernel, seed=seed, **options)  # type: ignore[arg-type]


def test_the_cpu_must_not_read_memory_that_no_kernel_wrote(library: ctypes.CDLL) -> None:
    driver = EmulatedDriver(library, 1 << 20)
    with pytest.raises(AssertionError, match="no kernel wrote"):
        driver.download(driver.empty((4,), torch.float32))


def test_python_mirrors_the_kernels_structs(library: ctypes.CDLL) -> None:
    entries: dict[str, int] = {}
    while name := library.emulation_layout_name(ctypes.c_size_t(len(entries))):
        entries[name.decode()] = library.emulation_layout_value(ctypes.c_size_t(len(entries)))
    for name, value in entries.items():
        struct, _, member = name.partition(".")
        if struct == "constant":
            assert getattr(cuda_structs, member.upper()) == value, name
            continue
        mirror = getattr(cuda_structs, struct)
        assert (getattr(mirror, member).offset if member else ctypes.sizeof(mirror)) == value, name
    assert len(entries) > 40
