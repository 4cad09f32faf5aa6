"""Changes of the kernels' PTX are detected: missing barriers, sums that are not atomic, exchanged fragments."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from model.config import RenderConfig
from renderer.cuda.compile import PROGRAMS
from renderer.cuda.driver import Event
from renderer.cuda.renderer import Band, CudaRenderer
from tests.factories import make_camera
from tests.renderer.cuda.ptx.faults import KernelFault
from tests.renderer.cuda.ptx.gpu import load_ptx
from tests.renderer.cuda.ptx.recording import Recorder, RecordingDriver
from tests.renderer.cuda.ptx.test_faulty_kernels import exchange_lanes
from tests.renderer.cuda.small_videos import small_video

pytestmark = [pytest.mark.native, pytest.mark.gpu, pytest.mark.slow, pytest.mark.xdist_group("ptx")]

pytest.importorskip("cuda.core")
pytest.importorskip("nvidia.cu13", reason="needs the package nvidia-cuda-nvrtc")

ARCHITECTURE = "86"


class BothColorPasses(CudaRenderer):
    """Shades the samples of an image twice: on tensor cores, then on the plain path."""

    def _enqueue(self, band: Band) -> tuple[Event, Event, Event]:
        self._band = band
        return super()._enqueue(band)

    def _launch(self, name: str, threads: int, shared_bytes: int, arguments: list[ctypes.Structure]) -> None:
        super()._launch(name, threads, shared_bytes, arguments)
        if name == "color_pass_matrix":
            super()._launch("color_pass_plain", threads, shared_bytes, [self._band.struct, self._band.buffers])


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    """Yield the launches of a view by one block of each kernel. The block processes several pieces of work."""
    driver = RecordingDriver(ARCHITECTURE)
    driver.multiprocessors = 1
    driver.blocks_per_multiprocessor = lambda *_: 1  # type: ignore[method-assign]
    with patch("renderer.cuda.renderer.load_program", load_ptx):
        renderer = BothColorPasses(driver)
    many_samples = RenderConfig(steps_per_diagonal=64)
    frame = renderer.prepare(small_video(assignment="bilinear", render=many_samples), 1.3)
    renderer.render(frame, make_camera(14, 10, azimuth=1.0))
    yield driver.recorder


def program_of(kernel: str) -> str:
    return next(program for program, kernels in PROGRAMS.items() if kernel in kernels)


def replace_in(text: str, kernel: str, pattern: str, replacement: str, occurrence: int | None = None) -> str:
    """Return a program with matches of a pattern in one kernel replaced: all, or only the one numbered `occurrence`."""
    start = text.index(f".entry {kernel}(")
    end = text.index("\n}", start)
    matches = list(re.finditer(pattern, text[start:end]))
    assert matches, pattern
    for match in reversed(matches if occurrence is None else matches[occurrence : occurrence + 1]):
        text = text[: start + match.start()] + match.expand(replacement) + text[start + match.end() :]
    return text


def change(recorder: Recorder, kernel: str, pattern: str, replacement: str, occurrence: int | None = None) -> float:
    """Run a recorded launch with changed code; return the difference that it makes."""
    return recorder.again(
        program_of(kernel), kernel, ARCHITECTURE, lambda text: replace_in(text, kernel, pattern, replacement, occurrence)
    )


@pytest.mark.parametrize("kernel", [kernel for kernels in PROGRAMS.values() for kernel in kernels if kernel != "density_pass"])
def test_a_launch_can_be_run_again(recorder: Recorder, kernel: str) -> None:
    assert change(recorder, kernel, r"\bret;", "ret;") == 0.0


BARRIERS = {
    "bake_heads": (0, 1),
    "count_heads": (0, 1),
    "scan_heads": (1, 2, 3),  # the first only matters where block_scan is called again, which is the third
    "scatter_heads": (0, 1, 2, 3),
    "color_pass_plain": (0, 1),
    "color_pass_matrix": (0, 1),
}
"""The barriers that each kernel needs, counted in the order of its PTX."""


@pytest.mark.parametrize(("kernel", "barrier"), [(kernel, n) for kernel, needed in BARRIERS.items() for n in needed])
def test_a_missing_barrier_is_noticed(recorder: Recorder, kernel: str, barrier: int) -> None:
    with pytest.raises(KernelFault, match=r"race|never written"):
        change(recorder, kernel, r"bar\.sync \t0;", "", barrier)


@pytest.mark.parametrize("kernel", ["count_heads", "scatter_heads"])
def test_sums_that_are_not_atomic_race(recorder: Recorder, kernel: str) -> None:
    careless = r"ld.shared.u32 \1, \2; add.s32 \1, \1, \3; st.shared.u32 \2, \1;"
    with pytest.raises(KernelFault, match="race"):
        change(recorder, kernel, r"atom\.shared\.add\.u32 \t(%r\d+), (\[%r\d+\]), (%?\w+);", careless)


A_REGISTERS = r"(mma\.sync\S+ \{[^}]*\}, )\{([^,]*), ([^,]*), ([^,]*), ([^}]*)\}"
B_REGISTERS = r"(mma\.sync\S+ \{[^}]*\}, \{[^}]*\}, )\{([^,]*), ([^}]*)\}"


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (A_REGISTERS, r"\1{\3, \2, \4, \5}"),
        (A_REGISTERS, r"\1{\2, \4, \3, \5}"),
        (A_REGISTERS, r"\1{\4, \5, \2, \3}"),
        (B_REGISTERS, r"\1{\3, \2}"),
        (r"mov\.b32 (%r\d+), \{a, b\}", r"mov.b32 \1, {b, a}"),
    ],
    ids=["rows of A", "columns of A", "steps of A", "rows of B", "halves"],
)
def test_exchanged_registers_of_fragments_are_noticed(recorder: Recorder, pattern: str, replacement: str) -> None:
    assert change(recorder, "color_pass_matrix", pattern, replacement) > 0.01


@pytest.mark.parametrize("matrix", ["a", "b", "d"])
def test_exchanged_lanes_of_fragments_are_noticed(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, matrix: str) -> None:
    exchange_lanes(monkeypatch, matrix, (5, 6))
    assert change(recorder, "color_pass_matrix", r"\bret;", "ret;") > 0.01
