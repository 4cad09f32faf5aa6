"""Videos for the benchmarks: the trained bundle of the paper's size, or random weights in the hull of a capture."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Literal

import platformdirs
import torch
from torch.nn import functional

from common.command_line import ArgumentParser
from common.errors import InputError
from model.bundle.info import read_bundle
from model.config import DecoderConfig, ModelConfig
from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from model.network import video_of
from model.occupancy import pack_occupancy
from model.video import VolumetricVideo
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.config import DataConfig
from training.loop.scene import build_scene
from training.loop.workers import worker_pool

PAPER_MODEL = ModelConfig(decoder=DecoderConfig(density_gain=30.0))
"""The paper's model. The constant gain only makes the density learn as fast as the rest."""


DEFAULT_PATH = Path(platformdirs.user_cache_dir("mlpvid")) / "paper.mlpvid"
"""Default path of the trained bundle for all benchmarks."""


def add_bundle_option(parser: ArgumentParser) -> None:
    """Add the option --bundle."""
    help_text = "a trained bundle of the paper's size (default: %(default)s)"
    parser.add_argument("--bundle", type=Path, default=DEFAULT_PATH, help=help_text)


def add_video_options(parser: ArgumentParser) -> None:
    """Add the options that choose a video: --bundle and --random."""
    add_bundle_option(parser)
    help_text = "use an untrained model in the hull of a capture instead"
    parser.add_argument("--random", type=Path, metavar="CAPTURE", help=help_text)


def chosen_video(options: argparse.Namespace) -> tuple[VolumetricVideo, str]:
    """Return the video that the options of `add_video_options` choose, and what it is; raises as `load_paper_bundle` does."""
    if options.random:
        return random_video(open_capture(options.random)), f"an untrained model in the hull of {options.random.name}"
    return load_paper_bundle(options.bundle), options.bundle.name


def load_paper_bundle(path: Path) -> VolumetricVideo:
    """Read the trained bundle. When it is missing, the InputError names the command that makes it."""
    if not path.is_file():
        raise InputError(
            path, "does not exist", "make it with `python -m benchmarks.make_paper_bundle CAPTURE`, or use --random CAPTURE"
        )
    return read_bundle(path)


def random_video(capture: Capture) -> VolumetricVideo:
    """Make an untrained model of the paper's size with the hull of a capture as occupancy: its rendering costs as much as a
    trained model's.

    Densities are scaled so that rays end within the hull, as they do in a trained model.
    """
    torch.manual_seed(0)
    frames = 2
    with worker_pool() as pool:
        scene = build_scene(capture, DataConfig(num_frames=frames, hull_resolution=96), pool)
    decoder = MapDecoder(PAPER_MODEL).eval().requires_grad_(False)
    decoder.density_head.get_parameter("bias").mul_(6.0)
    encoding = HashEncoding(PAPER_MODEL.hash).requires_grad_(False)
    encoding.tables.uniform_(-0.1, 0.1)
    hulls = [hull for frame in range(frames) if (hull := scene.hull(frame)) is not None]
    cells = torch.stack([occupancy_of_hull(hull, PAPER_MODEL.occupancy.resolution) for hull in hulls])
    latents = torch.randn(frames, PAPER_MODEL.decoder.latent_channels)
    boxes = torch.from_numpy(scene.boxes)
    return video_of(PAPER_MODEL, scene.metadata, latents, boxes, pack_occupancy(cells), decoder, encoding)


def occupancy_of_hull(hull: torch.Tensor, resolution: tuple[int, int, int]) -> torch.Tensor:
    """Return the cells of an occupancy volume that contain part of a hull (N, N, N); N is a multiple of the resolution."""
    size = [n // cells for n, cells in zip(hull.shape, resolution, strict=True)]
    return functional.max_pool3d(hull[None, None].float(), size)[0, 0] > 0


def with_assignment(video: VolumetricVideo, assignment: Literal["nearest", "bilinear"]) -> VolumetricVideo:
    """Return a video with the same weights and another assignment of color heads. It costs as much as one trained that way."""
    config = dataclasses.replace(video.config, assignment=assignment)
    return dataclasses.replace(video, config=config)
