"""Check a backend of this machine against the reference renderer before "auto" uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from common.cached_json import cache_folder, read_cached, write_cached
from common.errors import InputError
from common.scores import psnr
from model.camera import Camera
from model.config import DecoderConfig, HashEncodingConfig, ModelConfig, OccupancyConfig, RenderConfig
from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from model.network import video_of
from model.occupancy import pack_occupancy
from model.video import VideoMetadata, VolumetricVideo
from renderer.backend import Renderer
from renderer.reference.renderer import ReferenceRenderer

MIN_PSNR = 45.0
"""Images of two backends agree if their PSNR is at least this, dB. Backends in half precision reach more."""

SIDE = 64
"""Pixels along a side of the image that is compared."""

VERSION = 1
"""Version of the check. Stored verdicts of other versions are ignored."""


def agreement(renderer: Renderer) -> float:
    """Render a small random video with a backend and with the reference renderer; return the PSNR between the images, dB."""
    video, camera, reference = small_video(), small_camera(), ReferenceRenderer()
    image = renderer.render(renderer.prepare(video, 0.25), camera).rgba
    expected = reference.render(reference.prepare(video, 0.25), camera).rgba
    return psnr(float(((image - expected) ** 2).mean()))


def require_agreement(renderer: Renderer, driver: str, folder: Path | None = None) -> None:
    """Raise InputError unless a backend renders what the reference renders.

    The verdict is stored, so that each driver is checked once. A backend that fails without an image is tried
    again at the next start, because the cause may be gone.

    Args:
        renderer: the backend.
        driver: device, driver and compilers with their versions. Others are checked again.
        folder: where verdicts are kept; None is the user's cache folder.
    """
    path = (folder or cache_folder()) / "backends.json"
    key = f"{renderer.name} {VERSION} {driver}"
    verdicts = {name: value for name, value in read_cached(path).items() if isinstance(value, float)}
    if key not in verdicts:
        verdicts[key] = _measure(renderer, driver)
        write_cached(path, verdicts)
    if not verdicts[key] >= MIN_PSNR:
        fault = f"renders wrong images on {driver} ({verdicts[key]:.1f} dB from the reference's)"
        raise InputError(f"backend {renderer.name}", fault, "update the graphics driver, or use --backend cpu")


def _measure(renderer: Renderer, driver: str) -> float:
    try:
        return agreement(renderer)
    except InputError:
        raise
    except Exception as error:  # drivers and their libraries raise types of their own
        fault = f"fails on {driver} ({type(error).__name__}: {error})"
        raise InputError(f"backend {renderer.name}", fault, "update the graphics driver, or use --backend cpu") from error


def small_video(**overrides: object) -> VolumetricVideo:
    """Make a random video of two frames that takes milliseconds to render; `overrides` are fields of its `ModelConfig`."""
    values: dict[str, Any] = {
        "hash": HashEncodingConfig(num_levels=16, log2_table_size=10, base_resolution=4, finest_resolution=48),
        "decoder": DecoderConfig(16, (16, 16, 16, 16), color_channels=(16, 16), density_gain=20.0),
        "occupancy": OccupancyConfig(resolution=(6, 5, 8)),
        "render": RenderConfig(steps_per_diagonal=96),
        "feature_plane_resolution": 32,
        "density_map_resolution": 32,
        "color_map_resolution": 8,
    }
    config = ModelConfig(**{**values, **overrides})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        decoder = MapDecoder(config).eval().requires_grad_(False)
        decoder.density_head.weight *= 4
        encoding = HashEncoding(config.hash).requires_grad_(False)
        encoding.tables.uniform_(-0.5, 0.5)
        occupancy = torch.rand(2, *config.occupancy.resolution) < 0.5
        latents = torch.randn(2, config.decoder.latent_channels)
    boxes = torch.tensor([[[-0.8, -0.6, 0.0], [0.7, 0.9, 2.0]]]).expand(2, 2, 3).contiguous()
    return video_of(config, VideoMetadata(), latents, boxes, pack_occupancy(occupancy), decoder, encoding)


def small_camera() -> Camera:
    """Make a camera that sees all of `small_video`."""
    return Camera.look_at((2.9, 1.7, 2.0), (0.0, 0.1, 1.0), (0, 0, 1), 0.8, SIDE, SIDE)
