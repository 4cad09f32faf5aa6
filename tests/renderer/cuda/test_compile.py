"""The CUDA kernels compile with NVIDIA's compiler. No GPU is needed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.errors import InputError
from model.config import ModelConfig
from renderer.cuda import compile as cuda_compile
from renderer.cuda.compile import PROGRAMS, compile_program, compiler_version, load_program, target_of
from tests.renderer.cuda.resources import KernelResources, parse_log, resident_blocks
from tests.waiting import TIMEOUT

pytestmark = pytest.mark.native

pytest.importorskip("cuda.core")
pytest.importorskip("nvidia.cu13", reason="needs the package nvidia-cuda-nvrtc")

ARCHITECTURES = ("75", "80", "86", "89", "90", "120")


@functools.cache
def compiled(program: str, architecture: str) -> tuple[bytes, str]:
    """Compile a program once for all tests that look at it; return what `compile_program` returns."""
    return compile_program(program, architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_kernels_compile_without_warnings(program: str, architecture: str) -> None:
    code, log = compiled(program, architecture)
    assert code[:4] == b"\x7fELF"
    assert "warning" not in log.lower()
    assert set(parse_log(log)) == set(PROGRAMS[program])


@pytest.fixture(scope="module")
def needs_on_sm_86() -> Iterator[dict[str, KernelResources]]:
    found: dict[str, KernelResources] = {}
    for program in PROGRAMS:
        found |= parse_log(compiled(program, "86")[1])
    yield found


BOUNDS_ON_SM_86 = {  # registers per thread, static shared bytes, threads per block, dynamic shared bytes, resident warps
    "bake_grids": (48, 0, 128, 0, 40),
    "bake_planes": (40, 0, 128, 0, 40),
    "bake_heads": (48, 14592, 128, 0, 24),
    "density_pass": (128, 0, 128, 0, 16),
    "count_heads": (48, 0, 256, 3072, 40),
    "scan_heads": (40, 32, 256, 0, 40),
    "scatter_heads": (64, 0, 256, 3072, 32),
    "color_pass_plain": (80, 6528, 128, 0, 24),
    "color_pass_matrix": (64, 3584, 128, 0, 32),
    "composite": (48, 0, 256, 0, 40),
}


@pytest.mark.parametrize("kernel", BOUNDS_ON_SM_86)
def test_resources_on_sm_86(needs_on_sm_86: dict[str, KernelResources], kernel: str) -> None:
    needs = needs_on_sm_86[kernel]
    registers, shared, threads, dynamic, warps = BOUNDS_ON_SM_86[kernel]
    assert needs.spill_bytes == 0 and needs.stack_bytes == 0, needs
    assert needs.registers <= registers
    assert needs.shared_bytes == shared
    assert resident_blocks(needs, threads, dynamic) * threads // 32 >= warps


def test_shared_memory_needs_no_permission(needs_on_sm_86: dict[str, KernelResources]) -> None:
    """A kernel must request shared memory beyond 48 KiB explicitly. None needs that, even with the largest color maps."""
    histogram = 4 * 3 * 64**2
    with pytest.raises(InputError, match="color_map_resolution: must be a power of two from 1 to 64"):
        ModelConfig.from_dict({"color_map_resolution": 128})
    for name, needs in needs_on_sm_86.items():
        dynamic = histogram if name in ("count_heads", "scatter_heads") else 0
        assert needs.shared_bytes + dynamic <= 48 << 10, name


def test_every_kernel_has_bounds(needs_on_sm_86: dict[str, KernelResources]) -> None:
    assert set(BOUNDS_ON_SM_86) == set(needs_on_sm_86)


def test_compiled_kernels_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_program("composite", "86", tmp_path / "new")
    (kept,) = (tmp_path / "new").iterdir()
    assert "composite-sm86-" in kept.name and compiler_version() in kept.name
    monkeypatch.setattr(cuda_compile, "compile_program", lambda *_: pytest.fail("compiled again"))
    assert load_program("composite", "86", tmp_path / "new") == first


def test_damaged_and_foreign_files_are_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_compile, "compile_program", lambda *_: (b"good", ""))
    assert load_program("composite", "86", tmp_path) == b"good"
    (kept,) = tmp_path.iterdir()
    for damage in (b"", b"short", kept.read_bytes()[:-1], kept.read_bytes() + b"x"):
        kept.write_bytes(damage)
        assert load_program("composite", "86", tmp_path) == b"good"
    monkeypatch.setattr(cuda_compile, "compile_program", lambda *_: (b"other", ""))
    assert load_program("composite", "89", tmp_path) == b"other"
    monkeypatch.setattr(cuda_compile, "source_hash", lambda: "changed")
    assert load_program("composite", "86", tmp_path) == b"other"


def test_programs_that_start_together_share_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Barrier(4)

    def compile_slowly(*_: str) -> tuple[bytes, str]:
        started.wait(TIMEOUT)  # all find an empty cache
        return b"good" * 100_000, ""

    monkeypatch.setattr(cuda_compile, "compile_program", compile_slowly)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: load_program("composite", "86", tmp_path), range(4)))
    assert set(results) == {b"good" * 100_000} and len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(cuda_compile, "compile_program", lambda *_: pytest.fail("compiled again"))
    assert load_program("composite", "86", tmp_path) == results[0]


def test_kernels_load_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_compile, "compile_program", lambda *_: (b"good", ""))
    (tmp_path / "file").write_bytes(b"")
    assert load_program("composite", "86", tmp_path / "file" / "folder") == b"good"


def test_gpus_newer_than_the_compiler_get_ptx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuda.bindings.nvrtc.nvrtcGetSupportedArchs", lambda: (0, [75, 80, 86, 90]))
    assert target_of("86") == ("cubin", "86") and target_of("89") == ("ptx", "86") and target_of("121") == ("ptx", "90")
    assert target_of("61") == ("cubin", "61"), "the compiler rejects older ones"
    monkeypatch.setattr("cuda.core._program.driver_version", lambda: (99, 0, 0))  # a driver that loads any PTX
    code, log = compile_program("composite", "89")
    assert b".target sm_86" in code and b".entry composite" in code and code.endswith(b"\n\0"), code[-20:]
    assert "warning" not in log.lower()


def test_unknown_architectures_are_refused() -> None:
    with pytest.raises(InputError, match=r"composite.cu does not compile for sm_42.*pip install -U"):
        compile_program("composite", "42")


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise RuntimeError("libnvrtc.so.13 not found")

    monkeypatch.setattr("cuda.bindings.nvrtc.nvrtcVersion", missing)
    with pytest.raises(InputError, match=r"runtime compiler cannot be loaded .*requirements-cuda.txt"):
        compiler_version()


def test_blocks_on_a_multiprocessor_by_hand() -> None:
    assert resident_blocks(KernelResources(128, 0, 0, 0), 128) == 4  # 16384 registers per partition / 4096 per warp
    assert resident_blocks(KernelResources(129, 0, 0, 0), 128) == 3
    assert resident_blocks(KernelResources(32, 0, 0, 0), 128) == 12  # 1536 threads
    assert resident_blocks(KernelResources(32, 0, 0, 0), 64) == 16
    assert resident_blocks(KernelResources(32, 32 << 10, 0, 0), 128) == 3  # 33 KiB each of 100
