"""Measure how many bytes per frame a bundle takes for which quality: the rate-distortion curve of docs/storage.md.

python -m benchmarks.rate_distortion BUNDLE --capture CAPTURE [--docs docs]

The bundle is rounded to several steps, from hardly visible to coarse. Each result is written, read back, and compared with the
capture's held-out views and with the pictures of the bundle before.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from common.atomic import atomic_write, check_target, write_text
from common.command_line import ArgumentParser, parse_count, run
from common.errors import InputError
from common.progress import progress_display
from common.scores import psnr
from model.bundle.read import read_bundle
from model.video import VolumetricVideo
from renderer.backend import Renderer
from renderer.segments import SegmentRenderer
from renderer.select import create_renderer
from training.captures.capture import Capture
from training.captures.opening import add_layout_option, open_capture
from training.evaluate import parse_frames
from training.evaluation.views import Selection, score_views
from training.reduction.search import StepSearch
from training.reduction.write import write_rounded

FINEST, COARSEST = 50.0, 30.0
"""PSNR of the finest and of the coarsest rounding to the pictures before, dB."""

MIN_POINTS = 5
"""Smallest number of points of the curve."""

HEADING = "## Rate and distortion"
"""Title of the section of docs/storage.md that this command writes."""

PLOT = "rate_distortion.svg"
"""Name of the plot in docs/images."""


@dataclass(frozen=True)
class Published:
    """The size that a paper reports for its own scenes."""

    method: str
    """Its name."""
    kilobytes_per_frame: int
    """Size per frame, 1,000 bytes."""
    figure: str
    """What the paper says."""
    arxiv: str
    """Number of the paper on arXiv."""


PUBLISHED = (
    Published("dynamic MLP maps", 807, "300 frames in 242 MB (table 2)", "2304.06717"),
    Published("QUEEN", 700, "0.7 MB per frame", "2412.04469"),
    Published("StreamSTGS", 170, "170 KB per frame", "2511.06046"),
    Published("GIFStream", 125, "30 Mbit/s, at 30 frames per second", "2505.07539"),
    Published("Temporal Gaussian Hierarchy", 122, "18,000 frames in 2.2 GB", "2412.09608"),
    Published("ComGS", 49, "0.049 MB per frame", "2505.16533"),
)
"""Published sizes, the largest first. They are of other scenes, so only the sizes compare."""

_COLORS = {"curve": "#4269d0", "before": "#ff725c", "published": "#9c9c9c"}


@dataclass(frozen=True)
class Point:
    """A bundle and its quality."""

    bytes: int
    """Size of the file."""
    kilobytes_per_frame: float
    """The same per frame, 1,000 bytes."""
    psnr: float
    """Mean over the held-out images, inside the projected box, dB."""
    images: int
    """Number of these images."""
    to_original: float | None
    """PSNR of its pictures in the same views to those of the bundle before, dB; None for that bundle itself."""


@dataclass(frozen=True)
class _Picture:
    """A rendered held-out view."""

    psnr: float
    inside: NDArray[np.bool_]
    pixels: NDArray[np.float16]  # of the box


def measure(source: Path, capture: Capture, selection: Selection, count: int, renderer: Renderer) -> Iterator[Point]:
    """Yield the bundle itself, and then the points of its curve, the largest first.

    Args:
        source: the bundle.
        capture: the truth.
        selection: the views that are compared.
        count: number of points.
        renderer: any backend.

    Raises:
        InputError: the bundle has another method or is damaged, or the capture lacks views.
    """
    video = read_bundle(source)
    if video.config.method is not None:
        raise InputError(source, "is a video of another method, which cannot be rounded")
    before = list(_pictures(video, capture, selection, renderer))
    yield _point(source, video.num_frames, before, None)
    with progress_display("measuring how much each part matters") as show:
        search = StepSearch(video, renderer, show)
    with tempfile.TemporaryDirectory() as folder:
        for scale in np.geomspace(search.for_psnr(FINEST), search.for_psnr(COARSEST), count):
            path = Path(folder) / "rounded.mlpvid"
            write_rounded(search.parts, search.named_steps(float(scale)), path)
            yield _point(path, video.num_frames, list(_pictures(read_bundle(path), capture, selection, renderer)), before)


def _pictures(video: VolumetricVideo, capture: Capture, selection: Selection, renderer: Renderer) -> Iterator[_Picture]:
    for view, images in score_views(video, capture, selection, SegmentRenderer(renderer)):
        yield _Picture(view.scores.psnr, images.inside, images.rendered[images.inside].astype(np.float16))


def _point(path: Path, frames: int, pictures: list[_Picture], before: list[_Picture] | None) -> Point:
    size, to_original = path.stat().st_size, None
    if before is not None:
        pairs = zip(pictures, before, strict=True)
        to_original = float(np.mean([psnr(float(np.mean((a.pixels - b.pixels.astype(np.float32)) ** 2))) for a, b in pairs]))
    return Point(size, size / frames / 1000, float(np.mean([p.psnr for p in pictures])), len(pictures), to_original)


def table(points: list[Point]) -> str:
    """Return the points as a table in Markdown; the first one is the bundle before."""
    lines = [
        "| | MB | KB per frame | PSNR to the truth, dB | PSNR to the pictures before, dB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for index, point in enumerate(points):
        name = f"rounded, {index}" if index else "before"
        other = "" if point.to_original is None else f"{point.to_original:.2f}"
        lines.append(f"| {name} | {point.bytes / 1e6:.2f} | {point.kilobytes_per_frame:.1f} | {point.psnr:.2f} | {other} |")
    return "\n".join(lines)


def section(name: str, points: list[Point], options: str = "") -> str:
    """Return the section of docs/storage.md, with a blank line at its end.

    Args:
        name: of the bundle.
        points: the bundle itself, and its curve.
        options: those with which the command was run, each after a space.
    """
    published = "\n".join(
        f"| {p.method} ([arXiv:{p.arxiv}](https://arxiv.org/abs/{p.arxiv})) | {p.figure} | {p.kilobytes_per_frame} |"
        for p in PUBLISHED
    )
    return f"""{HEADING}

`{name}`, rounded to {len(points) - 1} different steps, in {points[0].images} images of held-out cameras
(`python -m benchmarks.rate_distortion {name} --capture CAPTURE{options}`):

{table(points)}

![PSNR to the truth over kilobytes per frame](images/{PLOT})

Published sizes. They are of other scenes, so their PSNR cannot be compared:

| | the paper's figure | KB per frame |
| --- | --- | --- |
{published}

"""


def with_section(page: str, text: str) -> str:
    """Return a page in Markdown in which the section with the same heading is replaced, or that ends with the new one."""
    heading = text.split("\n", 1)[0]
    if f"{heading}\n" not in page:
        return f"{page.rstrip()}\n\n{text.rstrip()}\n"
    before, rest = page.split(f"{heading}\n", 1)
    end = rest.find("\n## ")
    return f"{before}{text.rstrip()}\n" if end < 0 else f"{before}{text.rstrip()}\n{rest[end:]}"


def draw_plot(points: list[Point], path: Path) -> None:
    """Draw PSNR over kilobytes per frame as an SVG file; raises InputError if it cannot be written."""
    mpl.rcParams.update({"svg.hashsalt": "mlpvid", "font.size": 9, "svg.fonttype": "none"})
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    _draw(figure.subplots(), points)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, metadata={"Date": None})


def _draw(axes: Axes, points: list[Point]) -> None:
    before, *curve = points
    axes.plot([p.kilobytes_per_frame for p in curve], [p.psnr for p in curve], "o-", color=_COLORS["curve"], label="rounded")
    axes.plot([before.kilobytes_per_frame], [before.psnr], "s", color=_COLORS["before"], label="before")
    for published in PUBLISHED:
        size, transform = published.kilobytes_per_frame, axes.get_xaxis_transform()
        axes.axvline(size, color=_COLORS["published"], lw=0.8, ls=":")
        axes.text(size, 0.02, published.method, rotation=90, ha="right", va="bottom", fontsize=6, transform=transform)
    axes.set_xscale("log")
    axes.set_xlabel("kilobytes per frame")
    axes.set_ylabel("PSNR to the truth, dB")
    axes.legend(loc="lower right", fontsize=7)


def _command(arguments: argparse.Namespace) -> None:
    if arguments.points < MIN_POINTS:
        raise InputError("--points", f"must be at least {MIN_POINTS}")
    page = None if arguments.docs is None else arguments.docs / "storage.md"
    if page is not None and not page.is_file():
        raise InputError(page, "no such file", "--docs names the folder docs")
    plot = Path() if page is None else page.parent / "images" / PLOT
    if page is not None:
        check_target(plot)
    capture = open_capture(arguments.capture, arguments.layout)
    if not capture.test_cameras:
        raise InputError(capture.root, "has no test_cameras in meta.yaml")
    frames = parse_frames(arguments.frames, read_bundle(arguments.bundle).num_frames)
    selection = Selection(capture.test_cameras, frames, arguments.scale)
    points = []
    for point in measure(arguments.bundle, capture, selection, arguments.points, create_renderer("auto")):
        points.append(point)
        print(json.dumps(asdict(point)), flush=True)
    print(table(points))
    if page is not None:
        draw_plot(points, plot)
        write_text(
            page, with_section(page.read_text(encoding="utf-8"), section(arguments.bundle.name, points, _options(arguments)))
        )
        print(f"wrote {page}", file=sys.stderr)


def _options(arguments: argparse.Namespace) -> str:
    """Return the options that change the figures, as they were given."""
    frames = "" if arguments.frames is None else f" --frames {arguments.frames}"
    return f"{frames}{'' if arguments.scale == 1 else f' --scale {arguments.scale:g}'}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.rate_distortion`; returns the exit status."""
    parser = ArgumentParser(prog="benchmarks.rate_distortion", description="Measure bytes per frame against quality.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a .mlpvid file, best with --precision float32")
    parser.add_argument("--capture", type=Path, required=True, metavar="DIR", help="folder of its capture")
    add_layout_option(parser)
    parser.add_argument("--points", type=parse_count, default=7, metavar="N", help="points of the curve (default: 7)")
    parser.add_argument("--frames", metavar="A:B[:STRIDE]", help="frames that are compared (default: all)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the images, as a fraction of the capture's")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write the section of storage.md in this folder")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
