"""Write the page of a table: scores, times, bytes, the paper's figures beside them, plots and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.atomic import write_text
from common.errors import InputError
from experiments.jobs import job_folder, read_result
from experiments.machine import describe_commit, describe_machine
from experiments.plan import Plan
from experiments.plots import draw_pictures, draw_tradeoffs
from experiments.recipe import Recipe
from experiments.results import Comparison, RowResult, compare_with_paper, first_capture
from experiments.table import Row, Table

_SCORES = (("psnr", "PSNR", 2), ("ssim", "SSIM", 3), ("ssim_published", "SSIM, range 2", 3), ("lpips", "LPIPS", 3))
_MISSING = "-"


def collect(plan: Plan, out: Path) -> list[RowResult]:
    """Return the results of the rows that are finished for all captures, in the order of the table."""
    results = []
    for row in {job.row.name: job.row for job in plan.jobs}.values():
        jobs = [job for job in plan.jobs if job.row.name == row.name]
        measured = {job.subject.name: found for job in jobs if (found := read_result(out, job)) is not None}
        if len(measured) == len(jobs):
            results.append(RowResult(row, measured))
    return results


def write_report(plan: Plan, table: Table, out: Path, page: Path, command: str, recipe: Recipe | None = None) -> None:
    """Write the page, and its plots and pictures into a folder `images` next to it.

    Args:
        plan: what was done.
        table: the rows.
        out: the folder of results.
        page: the Markdown file.
        command: how to repeat it.
        recipe: of the paper's data, if it was used.

    Raises:
        InputError: no row is finished, or a file cannot be written.
    """
    results = collect(plan, out)
    if not results:
        raise InputError(out, "has no finished row", "run the table first")
    images = page.parent / "images"
    try:
        images.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(images, f"cannot be created ({error.strerror})") from error
    tradeoffs, pictures = (images / f"{page.stem}_{plan.table}_{kind}" for kind in ("tradeoffs.svg", "pictures.png"))
    draw_tradeoffs(results, tradeoffs)
    draw_pictures(_pictures(plan, out, results), pictures)
    parts = [
        f"# {table.title}",
        _preface(plan, table, results, command),
        "\n".join(_score_table(results)),
        "\n".join(_cost_table(results)),
        *_of_each_capture(results, recipe),
        f"![PSNR against time and bytes](images/{tradeoffs.name})",
        f"![Truth and renderings](images/{pictures.name})",
        "\n".join(_agreement(table, results)),
        "\n".join(_notes(table, results, recipe)),
    ]
    write_text(page, "\n\n".join(part for part in parts if part) + "\n")


def _preface(plan: Plan, table: Table, results: Sequence[RowResult], command: str) -> str:
    length = f"{plan.steps} steps" if plan.minutes is None else f"{plan.minutes:g} minutes, from the capture to the bundle"
    subjects = {job.subject.name: job.subject for job in plan.jobs}
    first = next(iter(results[0].measured.values()))
    captures = ", ".join(f"{name} ({len(subject.frames)} frames scored)" for name, subject in subjects.items())
    lines = [
        f"{table.source}\n",
        f"Command: `{command}`\n",
        f"- Captures: {captures}; images of {first.width} x {first.height} pixels.",
        f"- Training of each row: {length}; preset {plan.preset}, seed {plan.seed}.",
        f"- Machine: {describe_machine()}.",
        f"- Commit: {describe_commit()}.",
    ]
    return "\n".join(lines)


def _score_table(results: Sequence[RowResult]) -> list[str]:
    names = [label for _, label, _ in _SCORES]
    lines = [
        "## Quality",
        "",
        "Means over the held-out cameras, inside the projected box. SSIM has data range 1, or 2 as the authors published it.",
        "",
        *_head(["row", "trained", *names, "flicker", *(f"paper: {name}" for name in ("PSNR", "SSIM", "LPIPS"))]),
    ]
    for result in results:
        scores = [_number(result.score(name), digits) for name, _, digits in _SCORES]
        paper = result.row.paper
        printed = [_number(paper.psnr, 2), _number(paper.ssim, 3), _number(paper.lpips, 3)]
        lines.append(_line([result.row.label, _steps(result), *scores, _number(result.score("flicker"), 4), *printed]))
    return lines


def _cost_table(results: Sequence[RowResult]) -> list[str]:
    lines = [
        "## Time and bytes",
        "",
        "Milliseconds for a view of a new frame: decoding and baking + rendering. The paper's times are those of an RTX 3090.",
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


def _of_each_capture(results: Sequence[RowResult], recipe: Recipe | None) -> list[str]:
    names = list(results[0].measured)
    if recipe is None and len(names) < 2:
        return []
    paper = {} if recipe is None else {sequence.name: sequence.paper_psnr for sequence in recipe.sequences}
    lines = ["## PSNR of each capture, dB", "", *_head(["row", *names])]
    for result in results:
        printed = {name: paper.get(name, {}).get(result.row.name) for name in names}
        cells = [_number(result.measured[name].scores["psnr"], 2) for name in names]
        cells = [c if p is None else f"{c} (paper: {p:.2f})" for c, p in zip(cells, printed.values(), strict=True)]
        lines.append(_line([result.row.label, *cells]))
    return ["\n".join(lines)]


def _agreement(table: Table, results: Sequence[RowResult]) -> list[str]:
    base = next((result for result in results if result.row.name == table.compared_with), None)
    if base is None:
        return []
    rows = [(result.row, compare_with_paper(result, base)) for result in results if result is not base]
    lines = [
        "## Does it agree with the paper?",
        "",
        f'Each row against "{base.row.label}". Quality is PSNR here, and PSNR or else LPIPS in the paper; time is that of the '
        "fastest renderer; bytes are those of float32. Differences below 0.1 dB and 5 % are called equal.",
        "",
        *_head(["row", "quality: paper, here", "time: paper, here", "bytes: paper, here"]),
    ]
    lines += [
        _line([row.label, *(_said(found, what) for what in ("quality", "time", "bytes"))]) for row, found in rows if found
    ]
    return lines if any(found for _, found in rows) else []


def _said(comparisons: Sequence[Comparison], what: str) -> str:
    found = next((comparison for comparison in comparisons if comparison.what == what), None)
    if found is None:
        return _MISSING
    return f"{found.paper}, {found.here}" + ("" if found.agrees else ": differs")


def _notes(table: Table, results: Sequence[RowResult], recipe: Recipe | None) -> list[str]:
    notes = list(table.notes)
    for result in results:
        if black := [name for name, measured in result.measured.items() if measured.empty]:
            notes.append(f'"{result.row.label}" renders nothing of {", ".join(black)}: its density fell to zero in training.')
    reasons = dict.fromkeys(
        f"{name.upper().replace('_', ' with ')}: not computed, {reason}."
        for result in results
        for measured in result.measured.values()
        for name, reason in measured.scores.get("missing", {}).items()
    )
    notes += reasons
    if recipe is not None:
        notes += [f"{recipe.title}: {text}" for text in (*recipe.sources, *recipe.unknown)]
    return ["## Notes", "", *(f"- {note}" for note in notes)] if notes else []


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


def _steps(result: RowResult) -> str:
    return "; ".join(dict.fromkeys(measured.trained.split(",")[0] for measured in result.measured.values()))


def _number(value: float | None, digits: int) -> str:
    return _MISSING if value is None else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), _line(["---"] * len(cells))]
