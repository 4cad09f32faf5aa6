"""Write the estimates of `benchmarks.cuda_estimate` as the page docs/performance_cuda.md."""

from __future__ import annotations

from typing import Any

STAGES = ("decode", "bake", "density", "color", "render", "frame", "play")
"""The columns of the tables."""


NAMES = {"bake": "baking", "density": "the density pass", "color": "the color pass"}
"""The stages whose limits are listed."""


def render_markdown(result: dict[str, Any]) -> str:
    """Return the page: counts, assumptions, estimates, and how far each assumption changes them."""
    gpu, assumed = result["gpu"], result["assumptions"]
    lines = [
        "# Estimated, not run: the CUDA backend on an RTX 3090",
        "",
        "No number on this page was measured on a GPU. The estimates combine the kernels' machine code for sm_86, sample "
        "counts from the CPU backend, published rates, and the assumptions listed below. "
        "`python -m benchmarks.cuda_estimate --markdown docs/performance_cuda.md` writes this page. "
        "`python run_viewer.py --selftest` measures the real times.",
        "",
        f"Bundle: {result['source']}.",
        "",
        "| column | meaning |",
        "| --- | --- |",
        "| `render` | an image of a decoded frame |",
        "| `frame` | an image of a new frame that was not decoded ahead: the GPU decodes and bakes while the CPU enqueues the "
        "rest |",
        "| `play` | the time from one new frame to the next while frames are decoded ahead: the GPU's work or the CPU's, "
        "whichever takes longer |",
        "",
        "All three include the CPU's part. Each row changes the named assumptions and no others.",
        "",
        *(line for size in result["sizes"] for line in _size_section(size)),
        "## What was counted",
        "",
        "| image | density samples | color samples | active lanes per step of a warp | cells of grids baked |",
        "| --- | --- | --- | --- | --- |",
        *(_counted(size["counts"]) for size in result["sizes"]),
        "",
        "A warp is 32 threads (lanes) that execute the same instruction. Instructions of a warp in the machine code "
        "(`nvdisasm`), by kind:",
        "",
        "| executed once per | instructions | by kind |",
        "| --- | --- | --- |",
        *(_mixed(name, mix) for name, mix in result["instructions"].items()),
        "",
        "The units of work: 32 cells of a grid (`bake`), a step of a warp of rays (`density`), 16 samples of one head "
        "(`color`), loading a head for a group of samples (`color tile`), a warp of samples to be sorted by head (`count`, "
        "`scatter`), and a sample or a pixel per lane (`composite`).",
        "",
        "## What is assumed",
        "",
        *_assumptions(gpu, assumed),
        "",
        "Each stage takes the time of its slowest limit.",
    ]
    return "\n".join(lines) + "\n"


def _assumptions(gpu: dict[str, Any], assumed: dict[str, Any]) -> list[str]:
    published = (
        f"{gpu['multiprocessors']} multiprocessors at {gpu['clock'] / 1e9:.3f} GHz, {gpu['issue']:.0f} warp instructions per "
        f"clock each, {gpu['tensor'] / 1e12:.0f} TFLOP/s on tensor cores, {gpu['dram'] / 1e9:.0f} GB/s"
    )
    rows = {
        f"{gpu['name']}, published rates": published,
        "issue slots filled": f"{assumed['issue_efficiency']:.0%}",
        "wavefronts (passes through L1) per 128-bit load of a warp": f"{assumed['wavefronts']:.0f} (4 at best, 32 at worst)",
        "hits in L1": f"{assumed['l1_hits']:.0%}",
        "hits in L2, and its rate": f"{assumed['l2_hits']:.0%}, {assumed['l2_rate'] / 1e12:.0f} TB/s",
        "use of a sector of 32 bytes, in L2 and memory, when a cell of a grid (16 bytes) is read": (
            f"{assumed['grid_sector_use']:.0%}"
        ),
        "decoder, of the tensor cores' rate": f"{assumed['decoder_efficiency']:.0%}",
        "frames decoded together while playing": f"{assumed['together']}",
        "start of a kernel": f"{assumed['launch'] * 1e6:.0f} microseconds",
        "CPU time per image": (
            f"{assumed['host_render'] * 1e3:.1f} ms (`python -m benchmarks.cuda_host BUNDLE` measures the renderer's part)"
        ),
        "CPU time per new frame": (
            f"{assumed['host_prepare'] * 1e3:.1f} ms; the GPU waits for the first {assumed['host_start'] * 1e3:.1f} ms"
        ),
    }
    return ["| assumption | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def _counted(counts: dict[str, Any]) -> str:
    size = f"{counts['width']}x{counts['height']}"
    samples = f"{counts['density_samples']:,} | {counts['color_samples']:,}"
    return f"| {size} | {samples} | {counts['lanes']:.0%} | {counts['baked']:.0%} |"


def _mixed(name: str, mix: dict[str, int]) -> str:
    parts = ", ".join(f"{count} {kind}" for kind, count in sorted(mix.items(), key=lambda item: -item[1]))
    return f"| {name.replace('_', ' ')} | {sum(mix.values()):,} | {parts} |"


def _size_section(size: dict[str, Any]) -> list[str]:
    counts = size["counts"]
    header = [
        f"## {counts['width']}x{counts['height']}: milliseconds, estimated, not run",
        "",
        "| | " + " | ".join(STAGES) + " |",
        "| --- |" + " --- |" * len(STAGES),
    ]
    rows = [
        f"| {name} | " + " | ".join(f"{stages[stage]:.2f}" for stage in STAGES) + " |" for name, stages in size["table"].items()
    ]
    limits = [
        f"Limits of {NAMES[stage]}: " + ", ".join(f"{name} {value:.3f}" for name, value in limits.items()) + " ms."
        for stage, limits in size["limits"].items()
    ]
    return [*header, *rows, "", *limits, ""]
