"""What one of two processes that train together does. `test_processes.py` starts both and compares what they leave.

The environment says which of the two it is, as that of torchrun does.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import torch

from common.errors import InputError
from training.captures.opening import open_capture
from training.config import RefineConfig, load_config
from training.loop.processes import Processes, joined_processes
from training.loop.scene import build_scene
from training.loop.trainer import Trainer
from training.loop.workers import worker_pool

STEPS = 4


def train(capture: str, config: str, processes: Processes) -> dict[str, dict[str, object]]:
    """Return what trainings leave: with the native field, with Muon, with a decoder that becomes fixed, and in PyTorch.

    The last one refines the cameras' colors.
    """
    with worker_pool(1) as pool:
        opened, settings = open_capture(capture), load_config(config)
        scene = build_scene(opened, settings.data, pool)
        with_muon = dataclasses.replace(settings, optimizer=dataclasses.replace(settings.optimizer, decoder="muon"))
        colors = dataclasses.replace(settings, refine=RefineConfig(colors=True, start=0.0))
        fixed = dataclasses.replace(settings.optimizer, decoder_until=0.5)
        tables = dataclasses.replace(settings, optimizer=fixed)
        return {
            "native": state_after(Trainer(opened, settings, 3, scene, pool, True, processes=processes)),
            "muon": state_after(Trainer(opened, with_muon, 3, scene, pool, True, processes=processes)),
            "fixed": state_after(Trainer(opened, tables, 3, scene, pool, True, processes=processes)),
            "torch": state_after(Trainer(opened, colors, 3, scene, pool, False, processes=processes)),
        }


def state_after(trainer: Trainer) -> dict[str, object]:
    """Return the losses of a few steps, and the state after them."""
    results = [trainer.advance() for _ in range(STEPS)]
    numbers = [[(r.squared_error, r.samples_per_ray, r.colored_per_ray) for r in step] for step in results]
    cells = trainer._frame_step.occupancy_grids()
    colors = None if trainer.refinement is None else trainer.refinement.corrections().log_gains
    state: dict[str, object] = {"network": trainer.network.state_dict(), "cells": cells, "gains": colors}
    return state | {"numbers": numbers, "seconds": trainer.seconds}


def sums(processes: Processes) -> dict[str, torch.Tensor]:
    """Return sums of gradients of tables, of which few, most and no rows are not zero."""
    generator = torch.Generator().manual_seed(processes.rank)
    found = {}
    for name, share in (("few", 0.05), ("most", 0.9), ("none", 0.0)):
        table = torch.randn(3, 100, 4, generator=generator) * (torch.rand(3, 100, 1, generator=generator) < share)
        found[f"{name} own"] = table.clone()
        processes.sum_tables(table)
        found[name] = table
    return found


def failure(processes: Processes) -> str:
    """Return the error that both processes get when the second one fails."""
    try:
        with processes.agreed():
            if processes.rank == 1:
                raise InputError("image.png", "is damaged", "copy it again")
    except InputError as error:
        return str(error)
    return "none"


def main(capture: str, config: str, folder: str) -> None:
    """Train with the other process, and write what is left into a folder."""
    with joined_processes("cpu") as together:
        left: dict[str, object] = dict(train(capture, config, together))
        left |= {"sums": sums(together), "failure": failure(together), "compiler": "torch._dynamo" in sys.modules}
        torch.save(left, Path(folder) / f"{together.rank}.pt")
