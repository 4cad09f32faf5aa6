"""Test the CUDA backend on the user's machine. The result is a report that can be pasted into an issue."""

from __future__ import annotations

import copy
import platform
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError
from model.camera import Camera
from model.config import HashEncodingConfig
from model.hash_levels import hash_levels
from model.video import VolumetricVideo
from renderer.backend import RenderedImage
from renderer.baked import group_layout
from renderer.cpu.renderer import CpuFrame, CpuRenderer
from renderer.cuda.compile import PROGRAMS, compile_program, compiler_version
from renderer.cuda.core_driver import installed_driver
from renderer.cuda.driver import DECODE_STREAM, Driver
from renderer.cuda.image import CudaImage
from renderer.cuda.renderer import CudaRenderer
from renderer.selftest.check import Check, attempt, difference_check, guarded_checks, image_check
from renderer.selftest.kernels import density_checks, grouping_checks

ESTIMATED_MS = {"decode": 1.4, "bake": 0.2, "density": 0.3, "color": 0.1}
"""Milliseconds per stage, estimated for an RTX 3090, 512x512 and a model of the paper's size: docs/performance_cuda.md."""

PACKAGES = ("torch", "numpy", "cuda-core", "cuda-bindings", "nvidia-cuda-nvrtc")
"""Packages whose versions a report lists."""

Interop = Callable[[Driver, CudaImage], str]
"""A function that sends an image to OpenGL and back, returns the text to report, and raises when the image does not arrive."""


def cuda_checks(
    video: VolumetricVideo,
    camera: Camera,
    *,
    driver: Driver | None = None,
    interop: Interop | None = None,
    repeats: int = 20,
) -> list[Check]:
    """Check everything that the CUDA backend does, one part after another. Each failure is a line of the report.

    Args:
        video: the video to render.
        camera: its view.
        driver: the GPU; None takes the first one.
        interop: the check that images reach the window on the GPU. None skips it.
        repeats: images per timing; medians are reported.
    """
    checks = [Check("versions", True, versions())]
    try:
        renderer = CudaRenderer(driver)
    except InputError as error:
        return [*checks, Check("device", False, str(error))]
    checks.append(Check("device", True, f"{renderer.device}, {renderer.driver.total_memory >> 20} MiB"))
    checks += _compile_checks(renderer.driver.architecture)
    native = CpuRenderer()
    cpu_frame = native.prepare(video, 0.0)
    wanted = native.render(cpu_frame, camera)
    checks += guarded_checks(lambda: _kernel_checks(renderer, video, camera, cpu_frame, wanted))
    checks += guarded_checks(lambda: _timing_checks(renderer, video, camera, repeats))
    if interop is not None:
        image = renderer.render(renderer.prepare(video, 0.0), camera)
        checks.append(attempt("interop", lambda: interop(renderer.driver, image)))
    return checks


def versions() -> str:
    """Return the versions of system, packages and driver."""
    found = [f"{platform.system()} {platform.release()}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} missing")
    return ", ".join([*found, f"CUDA of torch {torch.version.cuda}", f"driver {installed_driver()}"])


def _compile_checks(architecture: str) -> list[Check]:
    def compiled(program: str) -> str:
        code, _ = compile_program(program, architecture)
        return f"{len(code)} bytes with NVRTC {compiler_version()}"

    return [attempt(f"compile {program} for sm_{architecture}", partial(compiled, program)) for program in PROGRAMS]


def _kernel_checks(
    renderer: CudaRenderer, video: VolumetricVideo, camera: Camera, cpu_frame: CpuFrame, wanted: RenderedImage
) -> Iterator[Check]:
    frame = renderer.prepare(video, 0.0)
    fault = renderer.capture_fault(video)
    yield Check("decoder", not fault, fault or "runs as a CUDA graph")
    yield from _bake_checks(renderer, video, cpu_frame)
    for name, tensor_cores in (("tensor cores", True), ("plain floats", False)):
        renderer.tensor_cores = tensor_cores
        image = renderer.render(frame, camera)
        yield image_check(f"image with {name}", image, wanted)
        again = renderer.render(frame, camera)
        yield Check(f"repeat with {name}", np.array_equal(again.rgba, image.rgba), "bit-identical to the first image")
    renderer.tensor_cores = True
    image = renderer.render(frame, camera)
    for outcome in (*density_checks(image, wanted), *grouping_checks(renderer, frame, image)):
        yield Check(*outcome)
    part = camera.height // 2
    region = (camera.width // 4, 0, camera.width // 2, part)
    same = np.array_equal(
        renderer.render(frame, camera, region=region).rgba,
        renderer.render(frame, camera).rgba[:part, camera.width // 4 : camera.width // 2],
    )
    yield Check("region", same, "identical to that part of the whole image")


def _bake_checks(renderer: CudaRenderer, video: VolumetricVideo, cpu_frame: CpuFrame) -> Iterator[Check]:
    full = copy.copy(video)
    full.occupancy = np.full_like(video.occupancy, 255)  # only what rays can reach is baked, but all of it is compared
    frame = renderer.prepare(full, 0.0)
    config, grids = frame.config.hash, frame.tensors["grids"]
    nodes = group_layout(config).used
    with renderer.driver.stream(DECODE_STREAM):  # cells beyond the levels are empty
        quads = np.stack([renderer.driver.download(grid[:nodes]) for grid in grids]).view(np.float16)
        heads = renderer.driver.download(frame.tensors["color_heads"])
    ours = quads.reshape(3, nodes, 4, 2)[:, :, 0].astype(np.float32) * frame.struct.grid_scale
    # The low half of a word is the node's own value.
    own = np.ascontiguousarray(cpu_frame.arrays.grids).view(np.int16)[..., ::2]
    theirs = own.astype(np.float32) * cpu_frame.struct.grid_scale
    yield difference_check("bake_grids", _level_by_level(ours, config), _level_by_level(theirs, config), 2e-3)
    yield difference_check("bake_heads", heads, cpu_frame.arrays.color_heads.reshape(heads.shape), 2e-2)


def _level_by_level(grids: NDArray[np.float32], config: HashEncodingConfig) -> NDArray[np.float32]:
    """Return the features F of the nodes of all levels, (3, nodes, F), of grids in groups of channels, (3, nodes, channels)."""
    channels, levels, start = grids.shape[2], [], 0
    groups = config.features_per_level // channels
    for level in hash_levels(config):
        end = start + groups * level.resolution**2
        of_level = grids[:, start:end].reshape(3, groups, -1, channels)
        levels.append(of_level.transpose(0, 2, 1, 3).reshape(3, -1, config.features_per_level))
        start = end
    return np.concatenate(levels, axis=1)


def _timing_checks(renderer: CudaRenderer, video: VolumetricVideo, camera: Camera, repeats: int) -> Iterator[Check]:
    rows: dict[str, list[float]] = {"decode": [], "bake": [], "density": [], "color": []}
    for index in range(repeats):
        frame = renderer.prepare(video, float(index % video.num_frames))
        image = renderer.render(frame, camera).statistics
        for name, value in zip(rows, (frame.decode_ms, frame.bake_ms, image.density_ms, image.color_ms), strict=True):
            rows[name].append(value)
    for name, values in rows.items():
        estimate = f"estimated for an RTX 3090 at 512x512: {ESTIMATED_MS[name]} ms"
        yield Check(f"time of {name}", True, f"{statistics.median(values):.3f} ms, median of {repeats} ({estimate})")
