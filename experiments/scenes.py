"""The boxes and hulls of a capture, carved once for all rows. No row's time contains this."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from common.atomic import write_text
from common.yaml_documents import dump_yaml
from experiments.plan import Subject
from training.config import DataConfig, TrainingConfig, load_config
from training.loop.scene import FILE_NAME, prepare_scene
from training.loop.workers import worker_pool


def keep_scene(subject: Subject, config: TrainingConfig, folder: Path, threads: int | None) -> Path:
    """Return a folder with the boxes and hulls of a capture, in the form that `training.train --scene` takes.

    Args:
        subject: the capture.
        config: of the row. Rows with the same settings of the data share a scene.
        folder: of the capture, among the results. The scene is made there if there is none yet.
        threads: workers; None means one per core.

    Raises:
        InputError: as `prepare_scene` does.
    """
    data = _what_matters(config)
    for scene in sorted(folder.glob("scene_*")):
        if (scene / FILE_NAME).is_file() and _what_matters(load_config(str(scene / "config.yaml"))) == data:
            return scene
    scene = folder / f"scene_{data.boxes}_{data.hull_resolution}_{len(list(folder.glob('scene_*')))}"
    scene.mkdir(parents=True, exist_ok=True)
    print(f"carving the hulls of {subject.name}", file=sys.stderr)
    write_text(scene / "config.yaml", dump_yaml(config.to_dict()))
    with worker_pool(threads) as pool:
        prepare_scene(subject.open(), config.data, scene, pool, resume=False)
    return scene


def _what_matters(config: TrainingConfig) -> DataConfig:
    return dataclasses.replace(config.data, image_scale=1.0, image_memory=0.0)
