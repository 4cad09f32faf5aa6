"""`python -m experiments.run TABLE`: train, measure and draw the rows of one of the paper's tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common.command_line import ArgumentParser, parse_count, parse_seed, parse_threads, run
from common.errors import InputError
from common.interrupts import leave
from common.locks import exclusive
from experiments.jobs import job_folder, run_job
from experiments.page import DOCS_PAGE, update_page
from experiments.plan import Job, Plan, Subject, capture_subject, describe, make_plan, parse_budget, recipe_subjects
from experiments.plan_file import keep_plan
from experiments.provenance import record_provenance
from experiments.recipe import recipe_names
from experiments.reuse import take_result
from experiments.section import make_section
from experiments.table import PRESETS, Table, read_table, table_names
from training.captures.opening import add_layout_option
from training.perceptual import find_perceptual
from training.train import DEVICES


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(
        prog="python -m experiments.run", description="Train, measure and draw the rows of one of the paper's tables."
    )
    parser.add_argument("table", metavar="TABLE", help=f"one of {', '.join(table_names())}")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--capture", type=Path, metavar="DIR", help="folder of a capture that every row is trained on")
    data.add_argument("--data", type=Path, metavar="DIR", help="folder with the paper's data for this table")
    parser.add_argument("--sequences", metavar="NAME,NAME", help="with --data: only these sequences")
    recipe_help = (
        f"with --data: which part of the data is used, one of {', '.join(recipe_names())} (default: that of the table)"
    )
    parser.add_argument("--recipe", metavar="NAME", help=recipe_help)
    add_layout_option(parser)
    parser.add_argument("--budget", metavar="TIME", help="time for everything, such as 2h or 90m; runs get equal parts of it")
    processor_help = "measure rendering and the runs of a --budget in processor time, which other programs change little"
    parser.add_argument("--processor-time", action="store_true", help=processor_help)
    parser.add_argument("--steps", type=parse_count, metavar="N", help="steps of each run, instead of equal times")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of results (default: runs/experiments/TABLE)")
    preset_help = "models for two CPU cores (small, the default), or of the papers' sizes (paper)"
    reuse_help = "folders of results of other tables: rows with the same settings, capture and length are taken from there"
    parser.add_argument("--reuse", nargs="+", type=Path, default=[], metavar="OUT", help=reuse_help)
    parser.add_argument("--preset", choices=PRESETS, default="small", help=preset_help)
    parser.add_argument("--frames", metavar="A:B[:STRIDE]", help="with --capture: frames to score (default: three)")
    parser.add_argument("--seed", type=parse_seed, default=0, help="seed of each run (default: 0)")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="where frames are decoded and rendered in training")
    parser.add_argument("--threads", type=parse_threads, help="worker threads (default: one per core)")
    weights_help = "folder with torchvision's weights for LPIPS (default: where PyTorch keeps downloads)"
    parser.add_argument("--lpips-weights", type=Path, metavar="DIR", help=weights_help)
    rows_help = "run only these rows of the table now, by name; the same command without it runs the others later"
    parser.add_argument("--rows", metavar="NAME,NAME", help=rows_help)
    parser.add_argument("--plan", action="store_true", help="only print the plan")
    parser.add_argument(
        "--write", action="store_true", help="add the results to docs/experiments.md instead of OUT/experiments.md"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    return run(experiment, make_parser().parse_args(arguments))


def experiment(arguments: argparse.Namespace) -> int:
    """Plan the table, run what is not finished, and write the page. Return 0, or the status of an interrupted training.

    Raises:
        InputError: something is wrong with the table, the data, the budget or the folder of results.
    """
    table = read_table(arguments.table)
    subjects, recipe = _subjects(arguments, table)
    hours = None if arguments.budget is None else parse_budget(arguments.budget)
    length = (hours, arguments.steps, arguments.seed, recipe, arguments.processor_time)
    plan = make_plan(arguments.table, table, arguments.preset, subjects, *length)
    jobs = _chosen(plan, arguments.rows)
    print(describe(plan))
    if arguments.plan:
        return 0
    out = arguments.out or Path("runs") / "experiments" / arguments.table
    keep_plan(plan, out)
    with exclusive(out):
        if status := _run_all(plan, jobs, out, arguments):
            return status
        page = DOCS_PAGE if arguments.write else out / "experiments.md"
        update_page(page, [make_section(plan, out, page.parent / "images")])
    print(f"wrote {page}", file=sys.stderr)
    return 0


def _subjects(arguments: argparse.Namespace, table: Table) -> tuple[list[Subject], str | None]:
    if arguments.capture is not None:
        for option, value in (("--sequences", arguments.sequences), ("--recipe", arguments.recipe)):
            if value is not None:
                raise InputError(option, "applies only with --data")
        return [capture_subject(arguments.capture, arguments.layout, arguments.frames)], None
    recipe = arguments.recipe or table.recipe
    if recipe is None:
        fault = f"cannot be used with {arguments.table}: the paper does not say which data it used"
        raise InputError("--data", fault, "use --capture, or choose a recipe with --recipe")
    names = None if arguments.sequences is None else arguments.sequences.split(",")
    return recipe_subjects(recipe, arguments.data, names), recipe


def _run_all(plan: Plan, jobs: list[Job], out: Path, arguments: argparse.Namespace) -> int:
    perceptual = find_perceptual(arguments.lpips_weights)
    for index, job in enumerate(jobs, 1):
        finished = (job_folder(out, job) / "result.json").is_file()
        if not finished and (other := take_result(plan, job, out, arguments.reuse)) is not None:
            state = f"is taken from {other}"
        else:
            state = "is finished" if finished else "begins"
        print(f"{index} of {len(jobs)}: {job.subject.name}/{job.row.name} {state}", file=sys.stderr)
        if not (job_folder(out, job) / "result.json").is_file():
            record_provenance(out)
        if status := run_job(plan, job, out, perceptual, arguments.device, arguments.threads):
            print("the same command continues", file=sys.stderr)
            return status
    return 0


def _chosen(plan: Plan, rows: str | None) -> list[Job]:
    """Return the jobs of the rows that a list of names chooses, None for all; raise InputError if there is no such row."""
    known = [row.name for row in plan.rows]
    names = known if rows is None else rows.split(",")
    if unknown := [name for name in names if name not in known]:
        raise InputError("--rows", f"has no row {unknown[0][:60]!r}", f"choose from {', '.join(known)}")
    return [job for job in plan.jobs if job.row.name in names]


if __name__ == "__main__":
    leave(main())
