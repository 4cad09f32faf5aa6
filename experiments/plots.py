"""Plots of quality against time and bytes, and pictures side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from common.atomic import atomic_write
from common.image_opening import open_image
from common.image_reading import damage_as_input_errors
from experiments.results import RowResult
from model.camera import MAX_IMAGE_SIDE

_STYLE: Any = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "mlpvid"}
_COLORS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0")
_COLUMNS = 4
_CELL = 2.6  # inches
_TITLE_LETTERS = 30  # per line of a title
_TITLE_HEIGHT = 0.3  # inches
_NARROW, _WIDE = 5.0, 300.0  # spans of values
_MARGIN = 1.6  # beyond the first and the last point, so that a narrow range has labels, too


def draw_tradeoffs(results: Sequence[RowResult], path: Path) -> None:
    """Write an SVG file: PSNR against the time of a new frame with each row's fastest renderer, with the reference renderer,
    and against bytes.

    Args:
        results: the rows.
        path: the file.

    Raises:
        InputError: it cannot be written.
    """
    axes_of = (
        ("best.total", 1.0, "new frame, fastest renderer, ms"),
        ("reference.total", 1.0, "new frame, reference renderer, ms"),
        ("file_bytes", 1e6, "bundle, MB"),
    )
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 3.6), layout="constrained")
        axes = figure.subplots(1, 3, sharey=True)
        for one, (name, unit, label) in zip(axes, axes_of, strict=True):
            _scatter(one, results, name, unit)
            one.set_xlabel(label)
        axes[0].set_ylabel("PSNR in the box, dB")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _scatter(axes: Axes, results: Sequence[RowResult], name: str, unit: float) -> None:
    axes.set_xscale("log")
    for index, result in enumerate(results):
        marker = "os^Dv"[index // len(_COLORS) % 5]
        color = _COLORS[index % len(_COLORS)]
        psnr = result.score("psnr")
        assert psnr is not None, "every scored view has one"
        axes.plot(result.mean(name) / unit, psnr, marker, color=color, label=result.row.label)
    values = [result.mean(name) / unit for result in results]
    axes.set_xlim(min(values) / _MARGIN, max(values) * _MARGIN)
    axes.xaxis.set_major_locator(LogLocator(subs=tick_multiples(max(values) / min(values))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.25)


def tick_multiples(span: float) -> tuple[float, ...]:
    """Return which multiples of the powers of ten get a label, so that there are some and none overlap.

    Args:
        span: the largest value divided by the smallest.
    """
    if span < _NARROW:
        return 1.0, 1.5, 2.0, 3.0, 5.0, 7.0
    return (1.0, 2.0, 5.0) if span < _WIDE else (1.0,)


def draw_pictures(pictures: Sequence[tuple[str, Path]], path: Path) -> None:
    """Write a PNG file with pictures side by side, cropped to what is not black in any of them.

    Args:
        pictures: titles and image files of one size.
        path: the file.

    Raises:
        InputError: it cannot be written.
    """
    with mpl.rc_context(_STYLE):
        figure = picture_figure(pictures)
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def picture_figure(pictures: Sequence[tuple[str, Path]]) -> Figure:
    """Return the figure that `draw_pictures` writes. Long titles have several lines, so that they do not meet."""
    images = [_read(file) for _, file in pictures]
    titles = [textwrap.fill(title, _TITLE_LETTERS) for title, _ in pictures]
    crop = _content(images)
    rows, columns = -(-len(images) // _COLUMNS), min(_COLUMNS, len(images))
    height = _CELL * min(2.0, max(0.5, images[0][crop].shape[0] / images[0][crop].shape[1])) + _TITLE_HEIGHT
    height += _TITLE_HEIGHT / 2 * max(title.count("\n") for title in titles)
    figure = Figure(figsize=(_CELL * columns, height * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for one in axes:
        one.set_axis_off()
    for one, title, image in zip(axes, titles, images, strict=False):
        one.imshow(image[crop], interpolation="nearest")
        one.set_title(title)
    return figure


def _read(file: Path) -> np.ndarray:
    with damage_as_input_errors(("PNG",), file), open_image(file, ("PNG",), MAX_IMAGE_SIDE, subject=file) as image:
        return np.asarray(image.convert("RGB"))


def _content(images: Sequence[np.ndarray]) -> tuple[slice, slice]:
    """Return rows and columns around the pixels of the first image that are not black, with a margin; all if it is black."""
    lit = images[0].max(axis=-1) > 8
    if not lit.any():
        return slice(None), slice(None)
    places = []
    for axis in (1, 0):
        found = np.flatnonzero(lit.any(axis=axis))
        margin = max(2, (found[-1] - found[0]) // 10)
        places.append(slice(max(0, int(found[0]) - margin), int(found[-1]) + margin + 1))
    return places[0], places[1]
