"""Peak rates of this machine: multiply-adds per second in matrix products, bytes per second from memory."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.timing import time_interleaved
from renderer.decode import multiplies_bfloat16
from renderer.threads import torch_threads

_MATRIX = 2048
_COPIED = 64 << 20  # float32 numbers: 256 MiB, beyond the caches of a core
_CACHED = 64 << 10  # 256 KiB, within a core's second-level cache
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16")


@dataclass(frozen=True)
class MachinePeaks:
    """Measured peak rates of the CPU with the threads that the benchmarks use."""

    threads: int
    """Number of threads."""
    features: list[str]
    """Relevant instruction sets of the CPU."""
    float32_gmacs: float
    """Multiply-adds in float32 matrix products, 10^9 per second."""
    bfloat16_gmacs: float
    """Multiply-adds in bfloat16 matrix products, 10^9 per second."""
    memory_gbytes: float
    """Bytes read plus bytes written while copying memory, 10^9 per second."""
    cache_gbytes: float
    """The same for a block that stays in the second-level cache of one core, times the number of threads."""


def measure_peaks(threads: int, repeats: int = 15) -> MachinePeaks:
    """Measure the peak rates in a few seconds. The best repeat counts."""
    square = torch.randn(_MATRIX, _MATRIX)
    # Without bfloat16 instructions a large product takes half a minute.
    size = _MATRIX if multiplies_bfloat16() else _MATRIX // 8
    half = torch.randn(size, size).bfloat16()
    source, target = torch.randn(_COPIED), torch.empty(_COPIED)
    small, small_target = torch.randn(_CACHED), torch.empty(_CACHED)

    def copy_in_cache() -> None:
        for _ in range(200):
            small_target.copy_(small)

    with torch_threads(threads):
        times = time_interleaved(
            {
                "float32": lambda: square @ square,
                "bfloat16": lambda: half @ half,
                "memory": lambda: target.copy_(source),
            },
            repeats,
        )
    with torch_threads(1):
        times |= time_interleaved({"cache": copy_in_cache}, repeats)
    # CPU time, because time given to other programs does not lower the peak.
    best = {name: min(timing.cpu_milliseconds) / 1000 / (1 if name == "cache" else threads) for name, timing in times.items()}
    return MachinePeaks(
        threads=threads,
        features=cpu_features(),
        float32_gmacs=_MATRIX**3 / best["float32"] / 1e9,
        bfloat16_gmacs=size**3 / best["bfloat16"] / 1e9,
        memory_gbytes=2 * 4 * _COPIED / best["memory"] / 1e9,
        cache_gbytes=threads * 200 * 2 * 4 * _CACHED / best["cache"] / 1e9,
    )


def cpu_features() -> list[str]:
    """Return the relevant instruction sets of the CPU, or its architecture where the system does not list them."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return [platform.machine()]
    flags = next((line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("flags")), "").split()
    return [name for name in _FEATURES if name in flags] or [platform.machine()]
