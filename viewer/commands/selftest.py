"""The command --selftest: test the backends of this machine that use a graphics card."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import moderngl
import numpy as np

from common.errors import InputError
from common.native import REMEDY, native_fault
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.cuda.driver import Driver
from renderer.cuda.gl_buffer import InteropFault
from renderer.cuda.image import CudaImage
from renderer.select import BACKENDS
from renderer.selftest.check import Check, report
from renderer.selftest.cuda import cuda_checks
from renderer.selftest.opengl import opengl_checks
from viewer.app.files import read_video
from viewer.camera.control import overview
from viewer.commands.headless import DEFAULT_SIZE
from viewer.gl.direct_display import connect

MAX_DEVICES = 8
"""Maximum number of EGL devices to try."""


def selftest(options: argparse.Namespace) -> int:
    """Run --selftest: print a report on the chosen backend, or on all that have a self-test.

    Raises:
        InputError: a check failed, this machine supports none of the backends, or the native kernels cannot be used.
    """
    if fault := native_fault("mlpvid_kernels"):
        raise InputError("--selftest", f"compares with the backend cpu, but the native kernels {fault}", REMEDY)
    video = read_video(options.bundle, config=options.config)
    camera = overview(video.bounds, video.metadata.up, *(options.size or DEFAULT_SIZE))
    failed: list[str] = []
    missing: list[InputError] = []
    for backend, check in _chosen(options.backend).items():
        checks = check(video, camera)
        print(report(BACKENDS[backend], checks))
        faults = [line.name for line in checks if not line.passed]
        if faults == ["device"]:  # not a fault of this program: the line says what the machine lacks and what to do
            missing.append(InputError("--selftest", checks[-1].detail))
        else:
            failed += [f"{name} ({BACKENDS[backend]})" for name in faults]
    if failed:
        raise InputError("--selftest", f"failed: {', '.join(failed)}", "paste the report above into an issue")
    if len(missing) == len(_chosen(options.backend)):
        raise missing[0]
    return 0


Checks = Callable[[VolumetricVideo, Camera], list[Check]]
"""Checks a backend with a video and a view of it."""


def _chosen(backend: str | None) -> dict[str, Checks]:
    checks: dict[str, Checks] = {
        "cuda": partial(cuda_checks, interop=round_trip),
        "opengl": opengl_checks,
    }
    if backend in (None, "auto"):
        return checks
    if backend not in checks:
        raise InputError("--selftest", f"does not test the backend {backend}", f"choose {' or '.join(checks)}")
    return {backend: checks[backend]}


def round_trip(_driver: Driver, image: CudaImage) -> str:
    """Send an image to an OpenGL context without a window, and compare what arrived.

    A machine may have several contexts, some without a GPU. The first one that CUDA can share with is used.
    """
    refused: list[str] = []
    for context in hidden_contexts():
        try:
            return _sent_through(context, image)
        except InteropFault as fault:
            refused.append(f"{context.info['GL_RENDERER']}: {fault}")
        finally:
            context.release()
    raise RuntimeError(" | ".join(refused) or "this machine has no OpenGL 3.3")


def _sent_through(context: moderngl.Context, image: CudaImage) -> str:
    pixels = image.device_rgba
    buffer = context.buffer(reserve=pixels.numel() * pixels.element_size(), dynamic=True)
    shared = connect(image, buffer)
    try:
        shared.write(image)
        arrived = np.frombuffer(buffer.read(), np.float32)
    finally:
        shared.close()
    if not np.array_equal(arrived, image.rgba.ravel()):
        raise RuntimeError("the driver reported success, but no pixels arrived")
    return f"{image.rgba.shape[1]}x{image.rgba.shape[0]} pixels arrived in {context.info['GL_RENDERER']}"


def hidden_contexts() -> Iterator[moderngl.Context]:
    """Yield OpenGL contexts without a window: those of EGL devices, then the display's.

    A display that cannot make contexts may end the whole program, so it is asked last.
    """
    create: Any = moderngl.create_context
    options: list[dict[str, Any]] = [*({"backend": "egl", "device_index": index} for index in range(MAX_DEVICES)), {}]
    for option in options:
        try:
            context = create(standalone=True, require=330, **option)
        except Exception:  # moderngl raises bare exceptions
            continue
        yield context
