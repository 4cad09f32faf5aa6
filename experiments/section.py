"""A section of the page: the results of one folder next to the paper's figures, plots and pictures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from experiments.jobs import job_folder, read_result
from experiments.plan import TRAINING_SHARE, Plan
from experiments.plots import draw_pictures, draw_tradeoffs
from experiments.provenance import read_provenance
from experiments.recipe import Recipe, read_recipe, subset
from experiments.remarks import Remarks, read_remarks
from experiments.results import Comparison, RowResult, compare_with_paper, first_capture
from experiments.table import Row, Table, read_table
from training.evaluation.summary import LABELS

_SCORES = (("psnr", "PSNR", 2), ("ssim", "SSIM", 3), ("ssim_published", "SSIM, range 2", 3), ("lpips", "LPIPS", 3))
_COMPARED = ("quality", "time", "bytes")
_MISSING = "-"


@dataclass(frozen=True)
class Section:
    """The results of one folder, as Markdown."""

    key: str
    """Table, preset and captures. A section replaces the one with the same key."""
    title: str
    """Its heading."""
    text: str
    """Everything below the heading."""


def section_key(plan: Plan) -> str:
    """Return the key of the section with the results of a plan."""
    return f"{plan.table}_{plan.preset}_{plan.recipe or '_'.join(plan.subjects)}"[:120]


def make_section(plan: Plan, out: Path, images: Path) -> Section:
    """Return the section of a folder of results, and draw its plots and pictures.

    Args:
        plan: what was asked for.
        out: the folder of results. Rows that are not finished are left out.
        images: the folder for plots and pictures; it is made if it is not there.

    Raises:
        InputError: no row is finished, a file of results or the remarks are damaged, or a file cannot be written.
    """
    table, results, key = read_table(plan.table), collect(plan, out), section_key(plan)
    if not results:
        raise InputError(out, "has no finished row", "run the table first")
    recipe = None if plan.recipe is None else subset(read_recipe(plan.recipe), list(plan.subjects))
    remarks = read_remarks(key, plan.rows)
    tradeoffs, pictures = _draw(plan, out, results, images, key)
    parts = [
        _preface(plan, table, results, out),
        "\n".join(_score_table(results, by_steps=plan.steps is not None)),
        "\n".join(_cost_table(results)),
        *_of_each_capture(results, recipe),
        f"![PSNR against time and bytes](images/{tradeoffs})",
        f"![Truth and renderings](images/{pictures})",
        "\n".join(_agreement(table, results, remarks)),
        "\n".join(_notes(table, results, recipe)),
    ]
    title = f"{table.title}, measured on {recipe.title if recipe else ', '.join(plan.subjects)}"
    return Section(key, title, "\n\n".join(part for part in parts if part))


def collect(plan: Plan, out: Path) -> list[RowResult]:
    """Return the results of the rows that are finished for all captures, in the order of the table."""
    results = []
    for row in plan.rows:
        jobs = [job for job in plan.jobs if job.row.name == row.name]
        measured = {job.subject.name: found for job in jobs if (found := read_result(out, job)) is not None}
        if len(measured) == len(jobs):
            results.append(RowResult(row, measured))
    return results


def _draw(plan: Plan, out: Path, results: Sequence[RowResult], images: Path, key: str) -> tuple[str, str]:
    try:
        images.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(images, f"cannot be created ({error.strerror})") from error
    tradeoffs, pictures = f"experiments_{key}_tradeoffs.svg", f"experiments_{key}_pictures.png"
    draw_tradeoffs(results, images / tradeoffs)
    draw_pictures(_pictures(plan, out, results), images / pictures)
    return tradeoffs, pictures


def _preface(plan: Plan, table: Table, results: Sequence[RowResult], out: Path) -> str:
    length = plan.length + ("" if plan.minutes is None or plan.processor_time else ", from the images to the bundle")
    first = next(iter(results[0].measured.values()))
    captures = ", ".join(f"{name} ({len(subject.frames)} frames scored)" for name, subject in plan.subjects.items())
    lines = [
        f"{table.source}\n",
        f"Command: `{_command(plan)}`\n",
        f"- Captures: {captures}; images of {first.width} x {first.height} pixels.",
        f"- Training of each row: {length}; preset {plan.preset}, seed {plan.seed}.",
    ]
    found = read_provenance(out)
    lines += [f"- Machine: {one}." for one in dict.fromkeys(one.machine for one in found)] or ["- Machine: not recorded."]
    lines += [f"- Commit: {one}." for one in dict.fromkeys(one.commit for one in found)] or ["- Commit: not recorded."]
    if missing := [row.label for row in plan.rows if row not in [result.row for result in results]]:
        lines.append(f"- Not finished: {'; '.join(missing)}.")
    return "\n".join(lines)


def _command(plan: Plan) -> str:
    """Return the command that repeats a plan."""
    words = ["python", "-m", "experiments.run", plan.table]
    if plan.recipe is None:
        subject = next(iter(plan.subjects.values()))
        frames = subject.frames
        words += ["--capture", subject.folder.name, "--frames", f"{frames.start}:{frames.stop}:{frames.step}"]
    else:
        words += ["--data", "DIR", "--sequences", ",".join(plan.subjects)]
        words += ["--recipe", plan.recipe] if plan.recipe != read_table(plan.table).recipe else []
    if plan.minutes is None:
        words += ["--steps", str(plan.steps)]
    else:
        words += ["--budget", f"{plan.minutes * plan.runs / TRAINING_SHARE:g}m"]
    words += ["--processor-time"] if plan.processor_time else []
    words += ["--preset", plan.preset] if plan.preset != "small" else []
    words += ["--seed", str(plan.seed)] if plan.seed else []
    return shlex.join(words)


def _score_table(results: Sequence[RowResult], by_steps: bool) -> list[str]:
    names = [label for _, label, _ in _SCORES]
    lines = [
        "### Quality",
        "",
        "Means over the held-out cameras, inside the projected box. SSIM has data range 1, or 2 as the authors published it.",
        "",
        *_head(["row", "trained", *names, "flicker", *(f"paper: {name}" for name in ("PSNR", "SSIM", "LPIPS"))]),
    ]
    for result in results:
        scores = [_number(result.score(name), digits) for name, _, digits in _SCORES]
        paper = result.row.paper
        printed = [_number(paper.psnr, 2), _number(paper.ssim, 3), _number(paper.lpips, 3)]
        scores.append(_number(result.score("flicker"), 4))
        lines.append(_line([result.row.label, _length(result, by_steps), *scores, *printed]))
    return lines


def _cost_table(results: Sequence[RowResult]) -> list[str]:
    lines = [
        "### Time and bytes",
        "",
        f"{_what_times_are(results)} The paper's times are those of an RTX 3090.",
        "",
        *_head(
            ["row", "renderer", "fastest renderer", "reference renderer", "bundle, MB", "float32, MB", "paper: ms", "paper: MB"]
        ),
    ]
    for result in results:
        times = [
            f"{result.mean(f'{kind}.prepare'):.0f} + {result.mean(f'{kind}.render'):.0f} = {result.mean(f'{kind}.total'):.0f}"
            for kind in ("best", "reference")
        ]
        sizes = [f"{result.mean(name) / 1e6:.2f}" for name in ("file_bytes", "float32_bytes")]
        paper = [_number(result.row.paper.milliseconds, 0), _number(result.row.paper.megabytes, 0)]
        lines.append(_line([result.row.label, result.backend, *times, *sizes, *paper]))
    return lines


def _what_times_are(results: Sequence[RowResult]) -> str:
    text = "Milliseconds for a view of a new frame: decoding and baking + rendering."
    measured = [one for result in results for one in result.measured.values()]
    times = [time for one in measured for time in (one.best, one.reference)]
    by_processor = {time.backend for time in times if time.processor}
    if not by_processor:
        return text
    if by_processor == {time.backend for time in times}:
        return f"{text} They are processor time of all threads."
    return f"{text} Those of the renderers {', '.join(sorted(by_processor))} are processor time of all threads."


def _of_each_capture(results: Sequence[RowResult], recipe: Recipe | None) -> list[str]:
    names = list(results[0].measured)
    paper = {} if recipe is None else {sequence.name: sequence.paper_psnr for sequence in recipe.sequences}
    if len(names) < 2 and not any(paper.values()):
        return []
    lines = ["### PSNR of each capture, dB", "", *_head(["row", *names])]
    for result in results:
        printed = {name: paper.get(name, {}).get(result.row.name) for name in names}
        cells = [_number(result.measured[name].scores["psnr"], 2) for name in names]
        cells = [c if p is None else f"{c} (paper: {p:.2f})" for c, p in zip(cells, printed.values(), strict=True)]
        lines.append(_line([result.row.label, *cells]))
    return ["\n".join(lines)]


def _agreement(table: Table, results: Sequence[RowResult], remarks: Remarks) -> list[str]:
    base = next((result for result in results if result.row.name == table.compared_with), None)
    rows = [] if base is None else [(result.row, compare_with_paper(result, base)) for result in results if result is not base]
    compared = [one for _, found in rows for one in found]
    if base is None or not compared:
        return ["### Remarks", "", *_remark_list(results, remarks)] if remarks else []
    agreeing = sum(one.agrees for one in compared)
    lines = [
        "### Does it agree with the paper?",
        "",
        f'Each row against "{base.row.label}", in the paper and here. Quality is PSNR here, and in the paper PSNR, or LPIPS '
        "where it prints no PSNR; time is that of the fastest renderer; bytes are those of float32. Differences below 0.1 dB "
        f"and 5 % are called equal. The order is that of the paper in {agreeing} of {len(compared)} comparisons.",
        "",
        *_head(["row", *(f"{what}: paper, here" for what in _COMPARED)]),
        *(_line([row.label, *(_said(found, what) for what in _COMPARED)]) for row, found in rows if found),
    ]
    return [*lines, "", *_remark_list(results, remarks)] if remarks else lines


def _said(comparisons: Sequence[Comparison], what: str) -> str:
    found = next((comparison for comparison in comparisons if comparison.what == what), None)
    if found is None:
        return _MISSING
    paper, here = f"{found.paper} ({found.paper_difference})", f"{found.here} ({found.here_difference})"
    return f"{paper}, {here}" + ("" if found.agrees else ": **differs**")


def _remark_list(results: Sequence[RowResult], remarks: Remarks) -> list[str]:
    lines = [f"- {result.row.label}: {remarks[result.row.name]}" for result in results if result.row.name in remarks]
    return [f"- {remarks['all']}", *lines] if "all" in remarks else lines


def _notes(table: Table, results: Sequence[RowResult], recipe: Recipe | None) -> list[str]:
    notes = list(table.notes)
    for result in results:
        if black := [name for name, measured in result.measured.items() if measured.empty]:
            notes.append(f'All scored renderings of "{result.row.label}" are black: {", ".join(black)}.')
    reasons = dict.fromkeys(
        f"{LABELS[name]}: not computed, {reason}."
        for result in results
        for measured in result.measured.values()
        for name, reason in measured.scores.get("missing", {}).items()
    )
    notes += reasons
    if recipe is not None:
        notes += [f"{recipe.title}: {text}" for text in (*recipe.sources, *recipe.unknown)]
    return ["### Notes", "", *(f"- {note}" for note in notes)] if notes else []


def _pictures(plan: Plan, out: Path, results: Sequence[RowResult]) -> list[tuple[str, Path]]:
    name = first_capture(results)
    folders = {
        result.row.name: job_folder(out, next(j for j in plan.jobs if (j.subject.name, j.row.name) == (name, result.row.name)))
        for result in results
    }
    truth = folders[results[0].row.name] / "truth.png"
    return [("Truth", truth), *((_short(result.row), folders[result.row.name] / "rendered.png") for result in results)]


def _short(row: Row) -> str:
    return row.label if len(row.label) <= 40 else row.label.split(":")[0]


def _length(result: RowResult, by_steps: bool) -> str:
    """Return the steps of the row's runs, and their time if that was what limited them."""
    end = " in " if by_steps else ","
    return "; ".join(dict.fromkeys(measured.trained.split(end)[0] for measured in result.measured.values()))


def _number(value: float | None, digits: int) -> str:
    return _MISSING if value is None else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), _line(["---"] * len(cells))]
