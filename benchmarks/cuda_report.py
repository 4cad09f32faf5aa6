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
        "counts from the CPU backend, published rates, and the assumptions listed here. "
        "`python -m benchmarks.cuda_estimate --markdown docs/performance_cuda.md` writes this page. "
        "`python run_viewer.py --selftest` measures the real times.",
        "",
        f"Bundle: {result['source']}.",
        "",
        "## What was counted",
        "",
        "| image | density samples | color samples | active lanes per step of a warp | cells of grids baked |",
        "| --- | --- | --- | --- | --- |",
        *(_counted(size["counts"]) for size in result["sizes"]),
        "",
        "Instructions in the machine code (`nvdisasm`), by kind:",
        "",
        "| executed once per | instructions | by kind |",
        "| --- | --- | --- |",
        *(_mixed(name, mix) for name, mix in result["instructions"].items()),
        "",
        "## What is assumed",
        "",
        f"{gpu['name']}: {gpu['multiprocessors']} multiprocessors at {gpu['clock'] / 1e9:.3f} GHz, {gpu['issue']:.0f} "
        f"warp instructions per clock each, {gpu['tensor'] / 1e12:.0f} TFLOP/s on tensor cores, {gpu['dram'] / 1e9:.0f} GB/s "
        "(published).",
        "",
        f"Issue slots filled: {assumed['issue_efficiency']:.0%}. Wavefronts per 128-bit load of a warp: "
        f"{assumed['wavefronts']:.0f} (4 at best, 32 at worst). L1 hits: {assumed['l1_hits']:.0%}; L2 hits: "
        f"{assumed['l2_hits']:.0%}, at {assumed['l2_rate'] / 1e12:.0f} TB/s. Decoder: {assumed['decoder_efficiency']:.0%} of "
        f"the tensor cores' rate. L2 and memory move sectors of 32 bytes; {assumed['grid_sector_use']:.0%} of one is used when "
        f"a cell of a grid is read (16 bytes). {assumed['launch'] * 1e6:.0f} us per kernel, "
        f"{assumed['host_render'] * 1e3:.1f} ms of CPU time per image and {assumed['host_prepare'] * 1e3:.1f} ms per new "
        f"frame, of which the GPU waits for the first {assumed['host_start'] * 1e3:.1f} ms (`python -m benchmarks.cuda_host "
        f"BUNDLE` measures the renderer's own part of it). {assumed['together']} frames are decoded together while playing. "
        "Each stage takes the time of its slowest limit.",
        "",
    ]
    for size in result["sizes"]:
        lines += _size_section(size)
    return "\n".join(lines) + "\n"


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
    note = (
        "`render` is an image of a decoded frame. `frame` is an image of a new frame that was not decoded ahead: the GPU "
        "decodes and bakes while the CPU enqueues the rest. `play` is the time from one new frame to the next while frames are "
        "decoded ahead: the GPU's work or the CPU's, whichever takes longer. All three include the CPU's part."
    )
    return [*header, *rows, "", *limits, "", note, ""]
