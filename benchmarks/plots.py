"""Draw the plots of the comparison: frame times, and the roofline of all stages.

python -m benchmarks.plots RESULTS.json FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.atomic import atomic_write
from common.command_line import ArgumentParser, run
from common.documents import read_json
from common.errors import InputError

_LABELS = {
    "nearest": "this renderer, nearest heads",
    "bilinear": "this renderer, bilinear heads",
    "reference": "reference (PyTorch, baked)",
    "published": "published pipeline (PyTorch)",
}
_COLORS = {"density": "#4269d0", "color": "#efb118", "other": "#9c9c9c", "roof": "#444444", "point": "#ff725c"}


def stage_points(results: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return multiply-adds per byte and 10^9 multiply-adds per second of each stage.

    Rates follow from CPU time, so that a busy machine hardly changes them.
    """
    work, threads = results["work"], results["peaks"]["threads"]
    seconds = {name: timing["cpu_median"] / threads / 1000 for name, timing in results["preparation"].items()}
    points = {
        "decode": _point(work["decode"], 1 / seconds["decode"]),
        "bake": _point(work["bake"], 1 / max(seconds["decode_and_bake"] - seconds["decode"], 1e-9)),
    }
    for name in ("density", "color_nearest", "color_bilinear"):
        samples = 1e6 * threads * results["rates"][f"{name}_along_rays"]["millions_per_cpu_second"]
        points[name] = _point(work[name], samples)
    return points


def _point(work: dict[str, float], units_per_second: float) -> tuple[float, float]:
    return work["multiply_adds"] / work["bytes"], units_per_second * work["multiply_adds"] / 1e9


def draw_plots(results: dict[str, Any], folder: Path) -> None:
    """Write performance_frame.svg and performance_roofline.svg into a folder.

    Args:
        results: as `benchmarks.compare --json` writes them.
        folder: an existing folder.

    Raises:
        InputError: the folder cannot be written to.
    """
    mpl.rcParams.update({"svg.hashsalt": "mlpvid", "font.size": 9, "svg.fonttype": "none"})
    for name, draw in (("performance_frame", _draw_frame_times), ("performance_roofline", _draw_roofline)):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        draw(figure.subplots(), results)
        with atomic_write(folder / f"{name}.svg") as temporary:
            figure.savefig(temporary, metadata={"Date": None})


def _draw_frame_times(axes: Axes, results: dict[str, Any]) -> None:
    milliseconds = results["frame"]["milliseconds"]
    names = list(reversed(_LABELS))
    values = [milliseconds[name]["cpu_median"] / results["peaks"]["threads"] for name in names]
    axes.barh([_LABELS[name] for name in names], values, color=_COLORS["density"], height=0.6)
    for row, value in enumerate(values):
        axes.text(value * 1.08, row, f"{value:,.0f} ms", va="center")
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 4, max(values) * 6)
    width, height = results["size"]
    axes.set_xlabel(f"ms per frame of {width} x {height} (CPU time per thread), without decoding", fontsize=8)


def _draw_roofline(axes: Axes, results: dict[str, Any]) -> None:
    peaks = results["peaks"]
    intensity = np.logspace(-1.5, 3, 100)
    roofs = (
        ("memory", "float32_gmacs", "memory_gbytes", "-"),
        ("second-level cache", "float32_gmacs", "cache_gbytes", "--"),
    )
    for label, compute, bandwidth, style in roofs:
        values = np.minimum(peaks[compute], intensity * peaks[bandwidth])
        axes.loglog(intensity, values, style, color=_COLORS["roof"], label=f"float32, {label}", lw=1)
    if peaks["bfloat16_gmacs"] > peaks["float32_gmacs"]:  # otherwise it is emulated, and nothing uses it
        axes.axhline(peaks["bfloat16_gmacs"], color=_COLORS["roof"], ls=":", lw=1, label="bfloat16 matrix products")
    points = stage_points(results)
    axes.set_xlim(3e-2, 5e3)  # room for labels
    axes.set_ylim(min(y for _, y in points.values()) / 3, None)
    for name, (x, y) in points.items():
        axes.plot(x, y, "o", color=_COLORS["point"])
        axes.annotate(name.replace("_", ", "), (x, y), textcoords="offset points", xytext=(5, -10))
    axes.set_xlabel("multiply-adds per byte, without caches")
    axes.set_ylabel("10⁹ multiply-adds per second")
    axes.legend(loc="lower right", fontsize=7)


def _command(arguments: argparse.Namespace) -> None:
    results = read_json(arguments.results)
    if not isinstance(results, dict) or not {"frame", "work", "peaks"} <= results.keys():
        raise InputError(
            arguments.results, "has no results of the comparison", "write it with `python -m benchmarks.compare --json`"
        )
    draw_plots(results, arguments.folder)
    print(json.dumps({name: [round(v, 3) for v in point] for name, point in stage_points(results).items()}))


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.plots`; returns the exit status."""
    parser = ArgumentParser(prog="benchmarks.plots", description="Draw the plots of the comparison.")
    parser.add_argument("results", type=Path, metavar="RESULTS.json", help="results that benchmarks.compare --json wrote")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder for the SVG files")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
