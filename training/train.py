"""`python -m training.train`: train a model on a capture and write a run folder."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from common.atomic import write_text
from common.command_line import ArgumentParser, parse_count, parse_finite, parse_seed, parse_threads, run
from common.errors import InputError
from common.folders import make_folder
from common.installation import training_command
from common.interrupts import INTERRUPTED, leave
from common.locks import exclusive
from common.memory import check_memory
from common.numbers import counted
from common.yaml_documents import dump_yaml
from model.bundle.container import blame
from model.bundle.info import write_bundle
from model.bundle.layout import network_shapes
from model.bundle.metadata import check_storable
from model.run.files import LOG
from renderer.threads import available_cores
from training.captures.capture import Capture
from training.captures.meta import read_overrides
from training.captures.opening import add_layout_option, add_meta_option, check_other_folder, open_capture
from training.config import MAX_MINUTES, TrainingConfig, load_config
from training.fields.create import create_field, note_slow_field
from training.inspection.check import check
from training.inspection.findings import Severity
from training.loop.assemble import CHECKPOINTS, assemble_run, predict_seconds
from training.loop.board import Board, check_installed
from training.loop.captured_views import copy_views
from training.loop.checkpoint import FILE_NAME, load_rate_steps
from training.loop.dataset import Dataset
from training.loop.log import RunLog
from training.loop.memory import plan_memory, predict_memory
from training.loop.processes import Processes, joined_processes, together
from training.loop.progress import Progress
from training.loop.running import run_training
from training.loop.scene import metadata_of, prepare_scene, save_scene, scene_of_run, selected_frames
from training.loop.trainer import Trainer
from training.loop.validation import Validation, frame_of, held_out_camera
from training.loop.watch import RunWatch
from training.loop.workers import worker_pool
from training.reduction.first_steps import first_steps
from training.reduction.parts import Parts
from training.reduction.write import write_rounded

BUNDLE_NAME = "video.mlpvid"
"""Name of the bundle that a finished run writes into its folder: in half precision, or rounded (rate term)."""

DEVICES = ("cpu", "cuda")
"""Devices that can decode and render while training."""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(prog="python -m training.train", description="Train a model on a capture, and write a run folder.")
    parser.add_argument("--capture", type=Path, required=True, metavar="DIR", help="folder of a capture (docs/captures.md)")
    add_layout_option(parser)
    add_meta_option(parser)
    parser.add_argument(
        "--config",
        required=True,
        metavar="NAME|FILE.yaml",
        help="a preset (paper, small, small30, small_segments, tiny) or a file",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder for checkpoints and the bundle")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=parse_count, metavar="N", help="number of steps, instead of the config's length")
    minutes_help = "minutes from start to bundle, instead of the config's length"
    length.add_argument("--minutes", type=_minutes, metavar="M", help=minutes_help)
    processor_help = "count the minutes in processor time of the steps alone, so that other programs do not shorten the run"
    parser.add_argument("--processor-time", action="store_true", help=processor_help)
    parser.add_argument("--seed", type=parse_seed, default=0, help="determines all random numbers (default: 0)")
    no_check_help = f"skip the check of the capture ({training_command('inspect')})"
    parser.add_argument("--no-check", dest="check", action="store_false", help=no_check_help)
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in RUN, if there is one")
    from_help = "begin with the parameters of another run or a bundle, which has the same frames or earlier ones"
    parser.add_argument("--start-from", type=Path, metavar="RUN|BUNDLE", help=from_help)
    scene_help = "take boxes and hulls from another run of this capture with the same data settings, which saves time"
    parser.add_argument("--scene", type=Path, metavar="RUN", help=scene_help)
    threads_help = "worker threads (default: one per core); the result does not depend on them"
    parser.add_argument("--threads", type=parse_threads, help=threads_help)
    board_help = "write TensorBoard logs into RUN/tensorboard (needs the package tensorboard)"
    parser.add_argument("--tensorboard", action="store_true", help=board_help)
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="where frames are decoded and rendered (default: cpu)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    return run(train, make_parser().parse_args(arguments))


def train(arguments: argparse.Namespace) -> int:
    """Train, then write the run's bundle. Return 0, or 130 when interrupted.

    Raises:
        InputError: something is wrong with the capture, the config or the run's folder.
    """
    if arguments.device == "cuda" and not torch.cuda.is_available():
        remedy = "install torch for CUDA (https://pytorch.org/get-started), or omit --device"
        raise InputError("--device cuda", "PyTorch finds no GPU", remedy)
    if arguments.tensorboard:
        check_installed()
    with joined_processes(arguments.device) as processes:
        return together(lambda: _train(arguments, processes), processes)


def _train(arguments: argparse.Namespace, processes: Processes) -> int:
    start = time.monotonic()
    with processes.agreed():
        config = _with_length(load_config(arguments.config), arguments)
        processes.check_frames(config.rays.frames_per_step)
        _check_start(config, arguments)
        capture = open_capture(arguments.capture, arguments.layout, read_overrides(arguments.meta))
        for note in capture.notes:
            print(f"{arguments.capture}: {note}", file=sys.stderr)
        check_other_folder(arguments.out, arguments.capture)
        resume = _open_run(arguments.out, arguments.resume)
        if arguments.check and not resume and processes.is_first:
            _check(capture)
    lock = exclusive(arguments.out) if processes.is_first else contextlib.nullcontext()
    with lock, worker_pool(arguments.threads or processes.cores()) as pool:
        trainer = _prepare(capture, config, arguments, resume, pool, processes)
        with processes.agreed():
            validation = _validation(capture, trainer, arguments.threads) if processes.is_first else None
            if config.minutes and not config.processor_time and processes.is_first:
                trainer.overhead = _overhead(trainer, time.monotonic() - start, arguments.threads)
            if processes.is_first:
                write_text(arguments.out / "config.yaml", dump_yaml(config.to_dict()))
        trainer.overhead = processes.of_first(trainer.overhead)
        print(
            f"training {capture.name}: {counted(trainer.scene.num_frames, 'frame')}, {trainer.field.name} field",
            file=sys.stderr,
        )
        if trainer.refinement is not None:
            print(f"refining {trainer.refinement.describe(capture.camera_names)}", file=sys.stderr)
        if not _run(trainer, arguments, validation):
            print(f"interrupted at step {trainer.step}; --resume continues", file=sys.stderr)
            return INTERRUPTED
    if processes.is_first:
        _write_bundle(trainer, arguments.out)
    return 0


def _run(trainer: Trainer, arguments: argparse.Namespace, validation: Validation | None) -> bool:
    """Train to the end; return False when interrupted."""
    progress = Progress(trainer.step, trainer.progress)
    if not trainer.processes.is_first:
        return run_training(trainer, arguments.out, progress)
    log = RunLog(arguments.out / LOG, append=trainer.step > 0)
    with contextlib.ExitStack() as stack:
        board = Board(arguments.out, trainer.step) if arguments.tensorboard else None
        if board is not None:
            stack.callback(board.close)
        watch = RunWatch(trainer, arguments.out, log, progress, validation, board)
        return run_training(trainer, arguments.out, progress, watch)


def _write_bundle(trainer: Trainer, folder: Path) -> None:
    """Write the run's bundle from the checkpoint that its config names, and say which it is."""
    state, config = trainer.validation, trainer.config.validation
    if trainer.progress < 1:
        print(f"stopped early: the held-out view was not better {state.without_gain} times in a row", file=sys.stderr)
    video, steps = assemble_run(folder, checkpoint=config.export), load_rate_steps(folder, CHECKPOINTS[config.export])
    if steps is None:
        write_bundle(video, folder / BUNDLE_NAME, "float16")
    else:
        write_rounded(Parts(video), steps, folder / BUNDLE_NAME)
    best = "" if state.best is None else f"; the held-out view was best at step {state.best_step}, {state.best:.2f} dB"
    print(f"wrote {folder / BUNDLE_NAME} from the {config.export} checkpoint{best}", file=sys.stderr)


def _check(capture: Capture) -> None:
    """Check the capture and print what is suspicious; raise InputError when it is unusable."""
    report = check(capture)
    if report.status == 0:
        return
    wrong = [finding for finding in report.findings if finding.severity != Severity.NOTE]
    if report.status == Severity.UNUSABLE:
        remedy = f"see {training_command('inspect')} {capture.root}, or train anyway with --no-check"
        raise InputError(capture.root, f"is unusable: {wrong[0].title.removesuffix('.')}", remedy)
    for finding in wrong:
        print(f"warning: {finding.title}", file=sys.stderr)
    inspect = training_command("inspect")
    print(f"warning: {inspect} {capture.root} has the details, and --fix writes the remedies", file=sys.stderr)


def _check_start(config: TrainingConfig, arguments: argparse.Namespace) -> None:
    """Raise InputError if the rate term cannot be used, or what it begins with is missing."""
    if config.rate.weight > 0 and config.model.method is not None:
        raise InputError("rate.weight", "cannot be used with another method than the paper's own", "set it to 0")
    if config.rate.weight > 0 and arguments.start_from is None and not arguments.resume:
        raise InputError("rate.weight", "needs a finished run or a bundle", "name it with --start-from")


def _with_length(config: TrainingConfig, arguments: argparse.Namespace) -> TrainingConfig:
    """Return the config with the length that the command line gives, if it gives one."""
    changes: dict[str, object] = {}
    if arguments.steps is not None:
        changes = {"steps": arguments.steps, "minutes": 0.0}
    elif arguments.minutes is not None:
        changes = {"minutes": arguments.minutes}
    if arguments.processor_time:
        if not changes.get("minutes", config.minutes):
            raise InputError("--processor-time", "needs a run whose length is a time", "give it one with --minutes")
        changes["processor_time"] = True
    return TrainingConfig.from_dict(config.to_dict() | changes) if changes else config


def _overhead(trainer: Trainer, prepared: float, threads: int | None) -> float:
    """Return the seconds of a run that are not spent on steps: preparation, and writing the bundle."""
    seconds = prepared + predict_seconds(trainer.config, trainer.scene, threads or available_cores())
    if seconds > 0.8 * 60 * trainer.config.minutes:
        fault = f"is too short: reading the capture and writing the bundle take about {seconds / 60:.1f} minutes"
        length = "one minute" if trainer.config.minutes == 1 else f"{trainer.config.minutes:g} minutes"
        raise InputError(f"a run of {length}", fault, "give it more with --minutes")
    return seconds


def _prepare(
    capture: Capture,
    config: TrainingConfig,
    arguments: argparse.Namespace,
    resume: bool,
    pool: ThreadPoolExecutor,
    processes: Processes,
) -> Trainer:
    print("reading the capture", file=sys.stderr)
    with processes.agreed():
        frames = selected_frames(capture, config.data)
        parameters = sum(math.prod(shape) for shape in network_shapes(config.model).values())
        # Each with its gradient and two moments.
        check_memory(16 * parameters, f"a network of {parameters:,} parameters", "choose a smaller model")
        with blame(capture.root):
            check_storable(config.model, metadata_of(capture, frames.step), len(frames))  # not after hours of training
        if processes.is_first:
            note_slow_field(config, torch.device(arguments.device))
            if arguments.scene is not None and not resume:
                scene = scene_of_run(arguments.scene, capture, config.data)
                save_scene(scene, arguments.out)
            else:
                scene = prepare_scene(capture, config.data, arguments.out, pool, resume)
    with processes.agreed():
        if not processes.is_first:
            scene = prepare_scene(capture, config.data, arguments.out, pool, resume=True)
        device = torch.device(arguments.device)  # of several GPUs, that of this process is the current one
        if scene.doubted_frames:
            print(
                f"the masks of {len(scene.doubted_frames)} frames are contradicted by other cameras and not trusted there",
                file=sys.stderr,
            )
        dataset = Dataset(capture, config, frames, scene.boxes, scene.doubted_frames)
        workers = min(arguments.threads or processes.cores(), math.ceil(config.rays.frames_per_step / processes.count))
        need = predict_memory(config, dataset, scene, create_field(config, device=device).name)
        print(plan_memory(need, dataset, workers, processes.local_count, arguments.out, device), file=sys.stderr)
        trainer = Trainer(capture, config, arguments.seed, scene, pool, device=device, processes=processes, dataset=dataset)
        if resume:
            trainer.load(arguments.out)
        else:
            if arguments.start_from is not None:
                trainer.start_from(arguments.start_from)
                if config.rate.weight > 0:
                    trainer.round_to(first_steps(arguments.start_from, config.rate.psnr))
            if processes.is_first:
                copy_views(capture, frames, arguments.out, pool)
        trainer.dataset.prefetch(trainer.progress < config.half_resolution, pool)
    return trainer


def _validation(capture: Capture, trainer: Trainer, threads: int | None) -> Validation | None:
    """Return what renders the held-out view; None without one."""
    config, frames = trainer.config, trainer.dataset.frames
    camera = held_out_camera(capture, config.validation, frames[frame_of(config.validation, frames)])
    if camera is None:
        return None
    validation = Validation(capture, config, trainer.scene, frames, camera, threads)
    print(f"held-out view: camera {camera}, frame {validation.frame}", file=sys.stderr)
    return validation


def _open_run(folder: Path, resume: bool) -> bool:
    """Create the run's folder; return whether it has a checkpoint to continue from."""
    exists = (folder / FILE_NAME).is_file()
    if exists and not resume:
        raise InputError(folder, "already has a training run", "continue it with --resume, or choose another folder")
    make_folder(folder, parents=True)
    return exists


def _minutes(text: str) -> float:
    value = parse_finite(text)
    if not 0 < value <= MAX_MINUTES:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most {MAX_MINUTES:,}")
    return value


if __name__ == "__main__":
    leave(main())
