"""Choose where the frames of a video are decoded: on the CPU, on PyTorch's accelerator, or by shaders.

The CPU decodes with the native kernels, or with PyTorch where they are not installed.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from common.cached_json import cache_folder, read_cached, write_cached
from common.errors import InputError
from common.native import has_native, note_native_fault
from common.pytorch import has_pytorch, require_pytorch
from model.video import VolumetricVideo
from renderer.native import load_native
from renderer.native_decoder import FLOAT32, Maps, NativeDecoder
from renderer.opengl.bake import Baker, MapTextures
from renderer.opengl.color_pass import has_compute
from renderer.opengl.context import driver_version, is_software
from renderer.opengl.decode_compute import ComputeDecoder
from renderer.opengl.decode_fragments import FragmentDecoder
from renderer.opengl.programs import SharedPrograms
from renderer.threads import available_cores

_log = logging.getLogger(__name__)

MIN_AGREEMENT = 60.0
"""Maps of two decoders agree if their signal-to-noise ratio is at least this, dB."""

VERSION = 1
"""Version of the measurement. Stored choices of other versions are ignored."""


@dataclass(frozen=True)
class Decoding:
    """A way to decode, in two steps."""

    start: Callable[[NDArray[np.float32]], Any]
    """Takes a latent (D,) and does what needs no OpenGL, in any thread."""
    finish: Callable[[Any], MapTextures]
    """Takes what `start` returned and does the rest in the thread of the context."""


Decodings = Mapping[str, Callable[[], Decoding]]
"""Functions that make decodings, by name. One is "cpu"."""


@dataclass(frozen=True)
class Measured:
    """Time and accuracy of a decoding."""

    milliseconds: float
    """From latent to maps on the graphics card."""
    agreement: float
    """Signal-to-noise ratio of the map that agrees least with the CPU's in float32, dB."""


def decodings(
    context: moderngl.Context,
    video: VolumetricVideo,
    baker: Baker,
    software: bool = False,
    threads: int | None = None,
    programs: SharedPrograms | None = None,
) -> Decodings:
    """Return the decodings of this machine.

    Args:
        context: the renderer's context.
        video: the video to decode.
        baker: uploads maps.
        software: include shaders even where the driver runs them on the CPU.
        threads: CPU threads that decode; None means all cores.
        programs: compiled shaders of this context; None compiles them for this video.
    """

    def cpu() -> Decoding:
        return Decoding(cpu_decoder(video, threads), baker.upload)

    def on_accelerator() -> Decoding:
        decoder, as_arrays = accelerated_decoder(video)
        return Decoding(decoder, lambda maps: baker.upload(as_arrays(maps)))

    def shaders() -> Decoding:
        kind: type[ComputeDecoder | FragmentDecoder] = ComputeDecoder if has_compute(context) else FragmentDecoder
        decoder = kind(context, video, programs)
        return Decoding(decoder.first_activation, decoder)

    found: dict[str, Callable[[], Decoding]] = {"cpu": cpu}
    if not is_software(context) and (device := accelerator_name()):
        found[device] = on_accelerator
    if software or not is_software(context):
        found["shaders"] = shaders
    return found


def accelerator_name() -> str:
    """Return the device that PyTorch can use besides the CPU (cuda, mps, xpu); empty without one, or without PyTorch."""
    if not has_pytorch():
        return ""
    from renderer.decode import accelerator  # noqa: PLC0415 - loads PyTorch

    return str(accelerator() or "")


def accelerated_decoder(video: VolumetricVideo) -> tuple[Callable[[Any], Any], Callable[[Any], Maps]]:
    """Return a decoder on PyTorch's accelerator, and the function that copies its maps to arrays."""
    from renderer.decode import FastDecoder, accelerator, as_arrays  # noqa: PLC0415 - loads PyTorch

    device = accelerator()
    assert device is not None
    return FastDecoder(video, device=device), as_arrays


def cpu_decoder(
    video: VolumetricVideo, threads: int | None = None, unit: str | None = None
) -> Callable[[NDArray[np.float32]], Maps]:
    """Return a decoder on the CPU.

    Args:
        video: the video to decode.
        threads: CPU threads; None means all cores.
        unit: the unit of the native decoder, see `renderer.native_decoder.decoding_unit`.

    Raises:
        InputError: neither the native kernels nor PyTorch are installed.
    """
    if has_native("mlpvid_kernels"):
        native = load_native()
        return NativeDecoder(native, native.Engine(threads or available_cores()), video, unit)
    note_native_fault("mlpvid_kernels", "PyTorch decodes")
    require_pytorch("decoding without the native kernels")
    from renderer.decode import FastDecoder, as_arrays  # noqa: PLC0415 - loads PyTorch

    decoder = FastDecoder(video, bfloat16=False if unit == FLOAT32 else None)
    return lambda latent: as_arrays(decoder(latent))


def choose_decoding(
    context: moderngl.Context, video: VolumetricVideo, baker: Baker, found: Decodings, folder: Path | None = None
) -> Decoding:
    """Return the fastest decoding that agrees with the CPU's.

    If there are several, one frame is decoded with each. The choice is stored for this card, its driver and the config.

    Args:
        context: the renderer's context; current in the calling thread.
        video: the video to decode.
        baker: uploads maps.
        found: the decodings to choose from.
        folder: where choices are stored; None means the user's cache folder.
    """
    if len(found) == 1:
        return found["cpu"]()
    path = (folder or cache_folder()) / "decoders.json"
    key = (
        f"{VERSION} {driver_version(context)} {' '.join(found)} {hashlib.sha256(repr(video.config).encode()).hexdigest()[:16]}"
    )
    choices = read_cached(path)
    if choices.get(key) not in found:
        choices[key] = _fastest(measure_decodings(context, video, baker, found))
        write_cached(path, choices)
    try:
        return found[choices[key]]()
    except (InputError, RuntimeError, moderngl.Error) as error:  # PyTorch raises RuntimeError
        _log.warning("frames are decoded on the CPU, because %s", error)
        return found["cpu"]()


def _fastest(measured: Mapping[str, Measured]) -> str:
    agreeing = {
        name: result.milliseconds for name, result in measured.items() if name == "cpu" or result.agreement >= MIN_AGREEMENT
    }
    return min(agreeing, key=agreeing.__getitem__)


def measure_decodings(context: moderngl.Context, video: VolumetricVideo, baker: Baker, found: Decodings) -> dict[str, Measured]:
    """Decode a frame with each decoding. Those that fail are left out, and the log says why."""
    latent, measured = video.latent(0.0), {}
    expected = baker.upload(cpu_decoder(video, unit=FLOAT32)(latent))
    for name, make in found.items():
        try:
            maps, milliseconds = _decode_twice(context, make(), latent)
        except (InputError, RuntimeError, moderngl.Error) as error:
            _log.warning("decoding with %s is not possible: %s", name, error)
            continue
        measured[name] = Measured(milliseconds, map_agreement(maps, expected))
    _log.info("decoding: %s", measured)
    return measured


def _decode_twice(context: moderngl.Context, decoding: Decoding, latent: NDArray[np.float32]) -> tuple[MapTextures, float]:
    """Return the maps and the milliseconds of the second time; the first one may compile."""
    decoding.finish(decoding.start(latent))
    context.finish()
    start = time.perf_counter()
    maps = decoding.finish(decoding.start(latent))
    context.finish()
    return maps, 1000 * (time.perf_counter() - start)


def map_agreement(maps: MapTextures, expected: MapTextures) -> float:
    """Return the signal-to-noise ratio of the map that agrees least, dB."""
    ratios = []
    for found, wanted in zip(_values(maps), _values(expected), strict=True):
        noise = float(np.square(found - wanted).mean())
        ratios.append(10 * np.log10(float(np.square(wanted).mean()) / noise) if noise > 0 else math.inf)
    return min(ratios)


def _values(maps: MapTextures) -> list[NDArray[np.float32]]:
    scaled = ((maps.feature_planes, maps.feature_scale), (maps.density_maps, maps.density_scale), (maps.color_maps, 1.0))
    return [np.frombuffer(texture.read(), texture.dtype).astype(np.float32) * scale for texture, scale in scaled]
