"""Compare the speed of a training step with the native kernels and in plain PyTorch, interleaved in one process.

python -m benchmarks.training_step CAPTURE [--config NAME|FILE.yaml] [--run RUN] [--rays N] [--repeats N] [--json OUT.json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import Timing, median_ratio, time_interleaved
from common.atomic import write_text
from common.command_line import ArgumentParser, parse_count, run
from renderer.threads import available_cores
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.config import TrainingConfig, load_config
from training.fields.field import MarchSettings
from training.fields.native_kernels import HashTableAdam, TrainingKernels
from training.fields.precision import products_in
from training.loop.checkpoint import load_network, read_header
from training.loop.rays import CameraBatch, draw_pixels, make_rays
from training.loop.scene import Scene, build_scene, load_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool


def make_trainers(
    capture: Capture, config: TrainingConfig, scene: Scene, pool: ThreadPoolExecutor, trained: Path | None
) -> dict[str, Trainer]:
    """Make two trainers that differ only in their field. Both start from the parameters of the run `trained`, if given."""
    trainers = {name: Trainer(capture, config, 0, scene, pool, native=name == "native") for name in ("native", "torch")}
    for trainer in trainers.values():
        if trained is not None:
            load_network(trained, trainer.network)
    trainers["torch"].dataset = trainers["native"].dataset
    trainers["native"].dataset.prefetch(False, pool)
    return trainers


def time_parts(trainer: Trainer, repeats: int) -> dict[str, Timing]:
    """Time each part of a native step of one frame on one thread."""
    config, network = trainer.config, trainer.network
    kernels = TrainingKernels(config.model, threads=1)
    region, views = trainer.scene.region(0), trainer.dataset.frame(0, False)
    cameras = CameraBatch.from_cameras(trainer.dataset.cameras(False))
    generator = torch.Generator().manual_seed(0)
    latent = network.latent(0, lambda _: torch.zeros(3, 3, 512, 512))[0].detach()
    tables = network.hash_encoding.tables.detach()
    adam = HashTableAdam(kernels, tables.clone())
    state: dict[str, Any] = {}

    def rays() -> None:
        state["rays"] = make_rays(views, cameras, draw_pixels(views, config.rays, config.rays.rays_per_frame, generator))

    def sample() -> None:
        r, hull = state["rays"], region.hull if region.hull is not None else torch.ones(1, 1, 1, dtype=torch.bool)
        state["samples"] = kernels.sample_rays(r.origins, r.directions, region.box, hull, config.rays.step, 1)

    def decode() -> None:
        with products_in(config.decoder_bfloat16, torch.device("cpu")):
            state["decoded"] = [m.squeeze(0).float() for m in network.decoder(latent[None])]

    def bake() -> None:
        state["maps"] = [m.detach().requires_grad_() for m in state["decoded"]]
        state["grids"] = kernels.bake(tables, 0.0).requires_grad_()

    def forward() -> None:
        settings = MarchSettings(leak=config.density_leak)
        directions, (features, densities, colors) = state["rays"].directions, state["maps"]
        state["seen"] = kernels.render_samples(
            state["grids"], features, densities, colors, state["samples"], directions, settings
        )

    def backward() -> None:
        loss = state["seen"].color.sum() + state["seen"].opacity.sum() + state["seen"].penalty
        state["gradients"] = torch.autograd.grad(loss, [state["grids"], *state["maps"]])

    def decode_backward() -> None:
        torch.autograd.grad(state["decoded"], list(network.decoder.parameters()), state["gradients"][1:])

    def table_update() -> None:
        adam.step_from_grids(1e-6, [(state["gradients"][0], 0.0)])

    parts = [rays, sample, decode, bake, forward, backward, decode_backward, table_update]
    return time_interleaved({part.__name__: part for part in parts}, repeats)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; returns a JSON object."""
    config = read_header(arguments.run).config if arguments.run else load_config(arguments.config)
    rays = dataclasses.replace(config.rays, ramp=0.0, prune_every=0.0)
    rays = dataclasses.replace(rays, rays_per_frame=arguments.rays or rays.rays_per_frame)
    data = dataclasses.replace(config.data, num_frames=None if arguments.run else config.rays.frames_per_step)
    config = dataclasses.replace(config, data=data, rays=rays, half_resolution=0.0)
    capture = open_capture(arguments.capture)
    with worker_pool() as pool:
        scene = _scene_of(arguments.run, capture, config, pool)
        trainers = make_trainers(capture, config, scene, pool, arguments.run)
        steps = time_interleaved({name: trainer.advance for name, trainer in trainers.items()}, arguments.repeats)
        parts = time_parts(trainers["native"], arguments.repeats)
    return {
        "workers": available_cores(),
        "frames_per_step": config.rays.frames_per_step,
        "rays_per_frame": config.rays.rays_per_frame,
        "native_ms": steps["native"].median,
        "torch_ms": steps["torch"].median,
        "ratio": median_ratio(steps["torch"], steps["native"]),
        "frame_parts_ms": {name: timing.median for name, timing in parts.items()},
    }


def _scene_of(folder: Path | None, capture: Capture, config: TrainingConfig, pool: ThreadPoolExecutor) -> Scene:
    return load_scene(folder) if folder else build_scene(capture, config.data, pool)


def main() -> int:
    """Run the command `python -m benchmarks.training_step`; returns the exit status."""
    parser = ArgumentParser(
        prog="benchmarks.training_step",
        description="Compare the speed of a training step with the native kernels and in plain PyTorch.",
    )
    parser.add_argument("capture", type=Path, help="folder of the capture")
    parser.add_argument("--config", default="small", help="preset or config file (default: small)")
    parser.add_argument("--run", type=Path, help="use config and parameters of this run's checkpoint")
    parser.add_argument("--rays", type=parse_count, help="rays per frame (default: as in the config)")
    parser.add_argument("--repeats", type=parse_count, default=7, help="measured steps of each field (default: 7)")
    parser.add_argument("--json", type=Path, help="write the results to a JSON file")
    return run(benchmark, parser.parse_args())


def benchmark(arguments: argparse.Namespace) -> int:
    """Measure and print; InputError when capture, config or run is unusable."""
    results = measure(arguments)
    text = json.dumps(results, indent=1)
    print(text)
    if arguments.json:
        write_text(arguments.json, text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
