"""The command --selftest: the CUDA backend tried on this machine, the way of its images to OpenGL included."""

from __future__ import annotations

import argparse
from typing import Any

import moderngl
import numpy as np

from model.bundle import read_bundle
from model.errors import InputError
from renderer.cuda_driver import Driver
from renderer.cuda_image import CudaImage
from renderer.selftest import report, run_selftest
from viewer.headless import DEFAULT_SIZE, overview
from viewer.interop import connect


def selftest(options: argparse.Namespace) -> int:
    """--selftest: print the report; InputError when something failed."""
    video = read_bundle(options.bundle)
    checks = run_selftest(video, overview(video, options.size or DEFAULT_SIZE), interop=round_trip)
    print(report(checks))
    failed = [check.name for check in checks if not check.passed]
    if failed == ["device"]:  # no fault of ours: the line says what the machine lacks, and what to do
        raise InputError("--selftest", checks[-1].detail)
    if failed:
        raise InputError("--selftest", f"failed: {', '.join(failed)}", "paste the report above into an issue")
    return 0


def round_trip(_driver: Driver, image: CudaImage) -> str:
    """Send an image to an OpenGL context without a window, and compare what arrived there."""
    context = hidden_context()
    try:
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
    finally:
        context.release()


def hidden_context() -> moderngl.Context:
    """An OpenGL context without a window: the display's if there is one, else EGL's."""
    create: Any = moderngl.create_context
    try:
        return create(standalone=True, require=330)  # type: ignore[no-any-return]
    except Exception:  # moderngl raises bare exceptions
        return create(standalone=True, require=330, backend="egl")  # type: ignore[no-any-return]
