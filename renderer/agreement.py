"""Check a backend of this machine against the reference renderer before "auto" uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.cached_json import cache_folder, read_cached, write_cached
from common.errors import InputError
from common.pytorch import has_pytorch
from common.scores import psnr
from model.camera import Camera
from model.config import FEATURE_CHANNELS, DecoderConfig, HashEncodingConfig, ModelConfig, OccupancyConfig, RenderConfig
from model.decoder_layout import decoder_shapes
from model.hash_levels import hash_levels
from model.occupancy import pack_occupancy
from model.video import VideoMetadata, VolumetricVideo
from renderer.backend import Renderer

MIN_PSNR = 45.0
"""Images of two backends agree if their PSNR is at least this, dB. Backends in half precision reach more."""

SIDE = 64
"""Pixels along a side of the image that is compared."""

VERSION = 2
"""Version of the check. Stored verdicts of other versions are ignored."""


def agreement(renderer: Renderer) -> float:
    """Render a small random video with a backend and with the reference renderer; return the PSNR between the images, dB.

    Without PyTorch, the CPU backend takes the place of the reference.
    """
    video, camera, reference = small_video(), small_camera(), _reference()
    image = renderer.render(renderer.prepare(video, 0.25), camera).rgba
    expected = reference.render(reference.prepare(video, 0.25), camera).rgba
    return psnr(float(((image - expected) ** 2).mean()))


def _reference() -> Renderer:
    if has_pytorch():
        from renderer.reference.renderer import ReferenceRenderer  # noqa: PLC0415 - loads PyTorch

        return ReferenceRenderer()
    from renderer.cpu.renderer import CpuRenderer  # noqa: PLC0415 - loads native code

    return CpuRenderer()


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
    config, rng = ModelConfig(**{**values, **overrides}), np.random.default_rng(0)
    weights = {name: _random_weight(name, shape, config, rng) for name, shape in decoder_shapes(config).items()}
    entries = sum(level.entries for level in hash_levels(config.hash))
    tables = rng.uniform(-0.5, 0.5, (3, entries, config.hash.features_per_level)).astype(np.float32)
    occupancy = rng.random((2, *config.occupancy.resolution)) < 0.5
    latents = rng.standard_normal((2, config.decoder.latent_channels)).astype(np.float32)
    boxes = np.tile(np.array([[-0.8, -0.6, 0.0], [0.7, 0.9, 2.0]], np.float32), (2, 1, 1))
    return VolumetricVideo(config, VideoMetadata(), latents, boxes, pack_occupancy(occupancy), weights, tables)


def _random_weight(name: str, shape: tuple[int, ...], config: ModelConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return random weights of a layer: its outputs have about the spread of its inputs, and heads make a visible fog."""
    values = rng.standard_normal(shape).astype(np.float32)
    if name.startswith("backbone."):
        return np.zeros_like(values) if name.endswith("bias") else values
    if name.endswith("weight"):
        spread = {"feature_head.weight": 0.3, "density_head.weight": 0.7, "color_head.weight": 0.1}.get(name, 1.0)
        return values * np.float32(spread / np.sqrt(np.prod(shape[1:])))
    if name == "color_head.bias":
        return values * np.float32(0.18)
    values[:] = 0
    if name in ("feature_head.bias", "density_head.bias"):
        per_plane = values.reshape(-1, FEATURE_CHANNELS)
        per_plane[:, 0] = (1.0 if name == "feature_head.bias" else 10.0 / config.decoder.density_gain) / len(per_plane)
    return values


def small_camera() -> Camera:
    """Make a camera that sees all of `small_video`."""
    return Camera.look_at((2.9, 1.7, 2.0), (0.0, 0.1, 1.0), (0, 0, 1), 0.8, SIDE, SIDE)
