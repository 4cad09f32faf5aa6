"""Views by the renderer's PTX equal those by the emulation of its sources, on one architecture."""

from __future__ import annotations

import pytest

from renderer.cuda.compile import PROGRAMS
from tests.renderer.cuda.ptx.comparison import ARCHITECTURES, compare
from tests.renderer.cuda.ptx.gpu import PtxProcessor, ptx_of
from tests.renderer.cuda.small_videos import VARIANTS

pytestmark = [pytest.mark.native, pytest.mark.gpu, pytest.mark.slow, pytest.mark.xdist_group("ptx")]

pytest.importorskip("cuda.core")
pytest.importorskip("nvidia.cu13", reason="needs the package nvidia-cuda-nvrtc")

ARCHITECTURE = "86"
"""`python -m tests.renderer.cuda.ptx --all` compares all others."""


@pytest.mark.parametrize(
    ("name", "tensor_cores", "seed", "fused"),
    [
        ("paper", True, None, True),
        ("blended", True, 1, False),
        ("blended", False, 2, False),
        ("few levels", True, 3, False),
    ],
)
def test_views_equal_the_emulation(name: str, tensor_cores: bool, seed: int | None, fused: bool) -> None:
    """Bit for bit without tensor cores and fused products and sums."""
    found = compare(ARCHITECTURE, VARIANTS[name], tensor_cores, seed, fused)
    assert found.equal, found
    assert max(found.color, found.depth) < 1e-4, "these views have no weight that rounds to another half"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_instructions_of_the_kernels_are_known(architecture: str) -> None:
    for program, kernels in PROGRAMS.items():
        PtxProcessor().load(ptx_of(program, architecture), kernels)
