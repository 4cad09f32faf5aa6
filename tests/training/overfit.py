"""How far a method comes when it is trained on two frames only, a sign that nothing in it stops gradients.

    python -m tests.training.overfit METHOD [--steps N]

METHOD is a row of `experiments` with another method; its model is trained with the settings of the preset `tiny`. The score is
that of the training views, inside the projected box. It needs minutes, so it is not a test.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from experiments.table import Row, row_config
from renderer.select import backend_for, create_renderer
from tests.training.scenes import small_capture
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.evaluation.summary import summarize
from training.evaluation.views import Selection, score_views
from training.loop.assemble import assemble
from training.loop.scene import build_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool
from training.perceptual import PerceptualScores

FRAMES = 2
EVERY = 50
"""Steps between two scores."""

ENOUGH = 22.0
"""PSNR at which the training ends, dB."""


def overfitting_config(method: str, steps: int) -> TrainingConfig:
    """Return the preset `tiny` for two frames, with the method of a row of `experiments`."""
    row, config = row_config(Row(method, method), "small"), load_config("tiny")
    model = dataclasses.replace(config.model, method=row.model.method)
    data = dataclasses.replace(config.data, num_frames=FRAMES, boxes=row.data.boxes)
    rates = dataclasses.replace(config.optimizer, decoder_rate=1e-3)
    return dataclasses.replace(config, model=model, data=data, optimizer=rates, steps=steps)


def scores(folder: Path, method: str, steps: int) -> Iterator[tuple[int, float, float]]:
    """Train, and yield steps, the PSNR of the training views in dB, and colored samples per ray, every `EVERY` steps."""
    capture, config = open_capture(small_capture(folder)), overfitting_config(method, steps)
    with worker_pool(1) as pool:
        trainer = Trainer(capture, config, 0, build_scene(capture, config.data, pool), pool)
        for step in range(1, steps + 1):
            results = trainer.advance()
            if step % EVERY == 0 or step == steps:
                yield step, training_psnr(capture, trainer), results[0].colored_per_ray


def training_psnr(capture: Capture, trainer: Trainer) -> float:
    """Return the mean PSNR of the training views inside the projected box, dB."""
    network = copy.deepcopy(trainer.network)  # that of a video has no gradients any more
    video = assemble(trainer.config, trainer.scene, network, trainer.latents())
    renderer = create_renderer(backend_for(video, "auto"), 1)
    views = score_views(video, capture, Selection(capture.train_cameras, range(FRAMES)), renderer)
    return float(summarize([view for view, _ in views], PerceptualScores())["psnr"])


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(prog="python -m tests.training.overfit", description=__doc__)
    parser.add_argument("method", metavar="METHOD", help="for example dynerf or shared_mlp")
    parser.add_argument("--steps", type=int, default=1200, help="length of the training (default %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for step, psnr, colored in scores(Path(folder), arguments.method, arguments.steps):
            seconds = time.process_time()
            print(
                f"step {step}: {psnr:.2f} dB, {colored:.1f} colored samples per ray, {seconds:.0f} s of processor time",
                flush=True,
            )
            if psnr > ENOUGH:
                break


if __name__ == "__main__":
    main()
