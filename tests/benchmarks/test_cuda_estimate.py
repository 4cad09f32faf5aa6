"""The estimates for CUDA: reading machine code, arithmetic by hand, and the generated page."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cuda_decoder import Layer, layer_seconds, layers, share_together
from benchmarks.cuda_estimate import (
    BAKE_CHECK,
    VARIATIONS,
    Assumptions,
    Counts,
    Gpu,
    KernelMix,
    bake_ms,
    color_ms,
    decode_ms,
    density_ms,
    estimate,
    kernel_mix,
    measure_counts,
)
from benchmarks.cuda_host import measure_host
from benchmarks.cuda_report import render_markdown
from benchmarks.cuda_sass import Instruction, disassemble, find_disassembler, listing, loop_with, loops, mix, parse
from benchmarks.work import decoder_work
from common.errors import InputError
from model.config import HashEncodingConfig, ModelConfig
from renderer.cuda.compile import compile_program
from renderer.selftest.cuda import ESTIMATED_MS
from tests.factories import make_config, make_video

LISTING = """
//--------------------- .text.first        --------------------------
.text.first:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   LDG.E.128.CONSTANT R4, [R2.64] ;
.L_x_0:
        /*0020*/              @!P0 FFMA R4, R5, R6, R7 ;
        /*0030*/                   F2I.TRUNC.NTZ R4, R5 ;
        /*0040*/               @P1 BRA `(.L_x_0) ;
        /*0050*/                   HMMA.16816.F32 R4, R8, R2, R4 ;
        /*0060*/              @!P2 BRA `(.L_x_1) ;
        /*0070*/                   BSSY B0, `(.L_x_0) ;
        /*0080*/                   EXIT ;
//--------------------- .text.second        --------------------------
        /*0000*/                   EXIT ;
"""


def test_listings_are_read() -> None:
    kernels = parse(LISTING)
    assert [len(code) for code in kernels.values()] == [9, 1]
    assert kernels["first"][4] == Instruction(0x40, "BRA", 0x20)
    assert mix(kernels["first"]) == {"integer": 1, "wide load": 1, "float": 1, "conversion": 1, "control": 4, "tensor": 1}


def test_loops_are_found() -> None:
    code = parse(LISTING)["first"]
    assert [(body[0].address, body[-1].address) for body in loops(code)] == [(0x10, 0x60), (0x20, 0x40)]
    assert len(loop_with(code, "wide load", 0)) == 3 and len(loop_with(code, "tensor", 1)) == 6
    with pytest.raises(ValueError, match="no loop has 7 instructions of kind tensor, only"):
        loop_with(code, "tensor", 7)


MIX = KernelMix(
    {"integer": 160},
    {"float": 90, "wide load": 10},
    {"tensor": 14},
    {"integer": 6},
    {"integer": 2},
    {"integer": 2},
    {"float": 1},
    {},
)
COUNTS = Counts(64, 64, density_samples=3200, color_samples=640, warp_steps=200, heads=4, assignments=3)
SMALL = Gpu(multiprocessors=1, clock=1e6, tensor=1e9, dram=1e9)


def test_density_by_hand() -> None:
    assert COUNTS.lanes == 0.5
    assumed = Assumptions(wavefronts=8, l1_hits=0.75, l2_hits=0.5, l2_rate=1e9, grid_sector_use=1.0)
    limits = density_ms(MIX, COUNTS, SMALL, assumed)
    assert limits["issue"] == pytest.approx(200 * 100 / (4 * 0.5) / 1e3)  # microseconds of 1 MHz over 1000
    assert limits["L1"] == pytest.approx(200 * 10 * 8 / 1e3)
    assert limits["L2"] == pytest.approx(3200 * 160 * 0.25 / 1e6)
    assert limits["DRAM"] == pytest.approx(limits["L2"] / 2)
    assert density_ms(MIX, COUNTS, SMALL, Assumptions(lanes=1.0))["L1"] == pytest.approx(limits["L1"] / 2)


def test_cells_of_grids_move_twice_their_bytes() -> None:
    whole, half = (density_ms(MIX, COUNTS, SMALL, Assumptions(grid_sector_use=use)) for use in (1.0, 0.5))
    for limit in ("L2", "DRAM"):
        assert half[limit] == pytest.approx(whole[limit] * 4 / 3), "a third of the loads are of cells"


def test_color_by_hand() -> None:
    limits = color_ms(MIX, COUNTS, SMALL, Assumptions(issue_efficiency=1.0))
    tiles = 640 * 3 / 128 + 4 / 2
    instructions = tiles * 8 * 14 + tiles * 4 * 6 + 20 * 4 + 2 * 20
    assert limits["issue"] == pytest.approx(instructions / 4 / 1e3)


@pytest.mark.slow
def test_worse_assumptions_never_help() -> None:
    config = ModelConfig()
    best = estimate(config, COUNTS, MIX, assumed=Assumptions())
    changes: dict[str, Any] = {
        "issue_efficiency": 0.1,
        "wavefronts": 300.0,
        "lanes": 0.1,
        "decoder_efficiency": 0.01,
        "host_render": 0.01,
    }
    for name, value in changes.items():
        other = estimate(config, COUNTS, MIX, assumed=dataclasses.replace(Assumptions(), **{name: value}))
        assert all(other[stage] >= best[stage] for stage in best) and other["frame"] > best["frame"]
    image = best["density"] + best["color"]
    assert best["frame"] == pytest.approx(max(0.1 + best["decode"] + best["bake"], 1.0) + image)
    share = share_together(config, 4, Gpu().multiprocessors, Gpu().tensor, 3e-6)
    assert 0.5 < share < 1 and best["play"] == pytest.approx(max(share * best["decode"] + best["bake"] + image, 1.0))
    slow = estimate(config, COUNTS, MIX, assumed=Assumptions(host_prepare=0.05))
    assert slow["play"] == pytest.approx(50.4) and slow["render"] == best["render"]
    assert slow["frame"] == pytest.approx(50.4 + image)


def test_baking_by_hand() -> None:
    config = ModelConfig(hash=HashEncodingConfig(num_levels=1, base_resolution=64, finest_resolution=64))
    cells, machine = 3 * 64**2, 1e6 * 4 * 0.5
    none, half = (bake_ms(config, dataclasses.replace(COUNTS, baked=share), MIX, SMALL, Assumptions()) for share in (0.0, 0.5))
    assert half["DRAM"] - none["DRAM"] == pytest.approx(cells / 2 * 24 / 1e6)
    assert half["issue"] - none["issue"] == pytest.approx(cells / 32 / 2 * 100 / machine * 1e3)
    assert none["issue"] - none["DRAM"] == pytest.approx(cells / 32 * BAKE_CHECK / machine * 1e3)


def test_layers_that_do_not_fill_the_gpu_gain_from_frames_decoded_together() -> None:
    small, large = Layer(64, 128, 1024), Layer(128 * 820, 128, 1024)
    one, four = (layer_seconds(small, frames, 82, 82e9, 0.0) for frames in (1, 4))
    # A frame is two tiles of 64 x 64, split into 16 parts of the sum: 32 blocks, less than a wave of 82. Four frames are four
    # tiles of 128 x 64, split into 16: 64 blocks.
    assert one == pytest.approx(2 * 64 * 64 * 64 / 0.4 / 1e9) and four == pytest.approx(2 * 128 * 64 * 64 / 0.5 / 1e9)
    assert four < 2 * one
    assert layer_seconds(large, 4, 82, 82e9, 0.0) == pytest.approx(4 * layer_seconds(large, 1, 82, 82e9, 0.0))
    assert layer_seconds(large, 1, 82, 82e9, 1.0) == pytest.approx(1 + layer_seconds(large, 1, 82, 82e9, 0.0))


def test_layers_have_all_of_the_decoders_work() -> None:
    config = make_config()
    products = sum(layer.pixels * layer.channels * layer.inputs for layer in layers(config))
    assert products == decoder_work(config).multiply_adds


def test_the_papers_decoder_takes_twelve_giga_multiply_adds() -> None:
    milliseconds = decode_ms(ModelConfig(), Gpu(), Assumptions(decoder_efficiency=1.0))
    assert 2 * 10e9 / 71e12 * 1e3 < milliseconds < 2 * 20e9 / 71e12 * 1e3


def test_the_cpus_part_is_measured_without_a_gpu() -> None:
    milliseconds = measure_host(make_video())
    assert set(milliseconds) == {"start", "prepare", "prepare together", "render"}
    assert all(value > 0 for value in milliseconds.values())


def test_samples_are_counted_by_warps() -> None:
    pytest.importorskip("mlpvid_kernels")
    counts = measure_counts(make_video(), 0.0, (33, 21))
    assert (counts.width, counts.height, counts.heads, counts.assignments) == (33, 21, 192, 3)
    assert 0 < counts.color_samples <= counts.density_samples <= 32 * counts.warp_steps


@pytest.mark.native
def test_real_kernels_have_the_expected_instructions() -> None:
    pytest.importorskip("cuda.core")
    try:
        find_disassembler()
    except InputError:
        pytest.skip("nvdisasm is not installed")
    found = kernel_mix()
    assert found.density["wide load"] == 3 * 48, "16 levels and two maps of 16 reads on each plane, all of 128 bits"
    assert found.density.get("load", 0) < 20 and sum(found.density.values()) < 5500
    assert found.color["tensor"] == 14, "12 for the first layers, 2 for the last"
    code, _ = compile_program("color_pass", "86")
    assert not predicated(code, "HMMA"), "tensor cores need all lanes of a warp"
    turing = disassemble(compile_program("color_pass", "75")[0])["color_pass_matrix"]
    assert mix(turing)["tensor"] == 28, "Turing's tensor cores take half as much at once"


DOCS = Path(__file__).resolve().parents[2] / "docs"


def tables(page: str, first_columns: str = r"\|") -> list[list[list[str]]]:
    """Return the rows of all tables of a page whose columns are the stages, after `first_columns`."""
    found = re.findall(rf"\| ?{first_columns} decode .*\n\| --- .*\n((?:\|.*\n)+)", (DOCS / page).read_text(encoding="utf-8"))
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()] for table in found]


def test_docs_agree_and_meet_the_targets() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    section = text[text.index("## Graphics cards") :]
    assert "Milliseconds" in section and "nothing in this section was measured" in section
    small, large = tables("performance_cuda.md")
    (copied,) = tables("performance.md", r"image \| assumptions \|")
    ends = (0, -1)
    assert copied == [[size, *table[k]] for size, table in (("512x512", small), ("1125x1536", large)) for k in ends]
    for table, most in ((small, 4.0), (large, 5.0)):
        assert [row[0] for row in table] == [name.replace("  ", " ") for name in VARIATIONS]
        assert table[0][0] == "as assumed" and float(table[0][-2]) <= most
    assert [round(float(cell), 1) for cell in small[0][1:5]] == list(ESTIMATED_MS.values()), "what the self-test compares with"
    for row in small[:-1]:
        assert max(float(row[-1]), float(row[-2])) <= 4.0, "only the row with all pessimistic values exceeds it"
    assert float(small[0][-1]) <= 2.5 and float(small[0][-2]) <= 2.5, "400 new frames per second"


@pytest.mark.native
def test_docs_describe_the_current_kernels() -> None:
    pytest.importorskip("cuda.core")
    try:
        found = dataclasses.asdict(kernel_mix())
    except InputError:
        pytest.skip("nvdisasm is not installed")
    page = (DOCS / "performance_cuda.md").read_text(encoding="utf-8")
    written = {name: int(n.replace(",", "")) for name, n in re.findall(r"^\| ([a-z ]+) \| ([\d,]+) \|", page, re.MULTILINE)}
    for name, kinds in found.items():
        now = sum(kinds.values())
        assert abs(written[name.replace("_", " ")] - now) <= 0.1 * now, f"{name}: run python -m benchmarks.cuda_estimate again"


def predicated(code: bytes, name: str) -> list[str]:
    """Return the lines of machine code in which an instruction of this name is predicated."""
    return re.findall(rf"@!?P\d\s+{name}.*", listing(code))


def test_predicates_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "listing", lambda _: LISTING)
    assert len(predicated(b"", "FFMA")) == 1 and not predicated(b"", "HMMA")


def rendered_page() -> str:
    stages = dict.fromkeys(("decode", "bake", "density", "color", "render", "frame", "play"), 1.234)
    size = {
        "counts": {**dataclasses.asdict(COUNTS), "lanes": 0.5},
        "limits": {"density": {"issue": 0.5}},
        "table": {"as assumed": stages},
    }
    return render_markdown(
        {
            "source": "a test",
            "gpu": dataclasses.asdict(Gpu()),
            "assumptions": dataclasses.asdict(Assumptions()),
            "instructions": dataclasses.asdict(MIX),
            "sizes": [size],
        }
    )


def test_page_states_that_nothing_was_run() -> None:
    page = rendered_page()
    assert page.startswith("# Estimated, not run") and "64x64: milliseconds, estimated, not run" in page
    assert "| as assumed | 1.23 | 1.23 |" in page and "No number on this page was measured on a GPU" in page


def test_the_page_in_docs_has_the_sentences_of_the_generator() -> None:
    written = (DOCS / "performance_cuda.md").read_text(encoding="utf-8").splitlines()
    sentences = [line for line in rendered_page().splitlines() if len(line.split()) > 4 and not re.search(r"\d", line)]
    assert len(sentences) >= 4
    missing = [line for line in sentences if line not in written]
    assert not missing, f"{missing}: run python -m benchmarks.cuda_estimate --markdown docs/performance_cuda.md again"
