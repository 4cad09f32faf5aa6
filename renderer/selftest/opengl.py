"""Test the OpenGL backend on the user's machine. The result is a report that can be pasted into an issue."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import moderngl
import numpy as np

from common.errors import InputError
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.agreement import small_camera, small_video
from renderer.backend import RenderedImage
from renderer.cpu.renderer import CpuRenderer
from renderer.opengl.color_pass import has_compute
from renderer.opengl.decoding import MIN_AGREEMENT
from renderer.opengl.passes import RenderOptions
from renderer.opengl.renderer import OpenGLRenderer
from renderer.selftest.check import Check, attempt, difference_check, guarded_checks, image_check

LIMITS = ("GL_MAX_TEXTURE_SIZE", "GL_MAX_ARRAY_TEXTURE_LAYERS", "GL_MAX_DRAW_BUFFERS", "GL_MAX_TEXTURE_IMAGE_UNITS")
"""Limits of the driver that the report lists."""

OPTIONS: dict[str, dict[str, Any]] = {
    "nearest heads, frequencies": {},
    "bilinear heads, harmonics": {"assignment": "bilinear", "view_encoding": "spherical_harmonics"},
    "one plane": {"mlp_planes": ("xz",)},
}
"""Kinds of videos that are rendered."""


def opengl_checks(video: VolumetricVideo, camera: Camera, *, repeats: int = 20) -> list[Check]:
    """Check everything that the OpenGL backend does; a failure becomes a line of the report.

    Args:
        video: the video to render.
        camera: its view.
        repeats: images that the medians of times are taken over; a driver in software renders only one.
    """
    checks = [Check("versions", True, _versions())]
    try:
        renderer = OpenGLRenderer()
    except InputError as error:
        return [*checks, Check("device", False, str(error))]
    kind = " (in software)" if renderer.software else ""
    checks.append(Check("device", True, renderer.driver + kind))
    limits = ", ".join(f"{name} {renderer.limit(name)}" for name in LIMITS)
    shaders = "compute shaders" if renderer.run(has_compute) else "no compute shaders"
    checks.append(Check("limits", True, f"{limits}, {shaders}"))
    checks.append(attempt("float textures", lambda: _round_trip(renderer)))
    checks += guarded_checks(lambda: _option_checks(renderer))
    checks += guarded_checks(lambda: _video_checks(renderer, video, camera))
    checks += guarded_checks(lambda: _decoding_checks(renderer, small_video() if renderer.software else video))
    checks += guarded_checks(lambda: _timing_checks(renderer, video, camera, 1 if renderer.software else repeats))
    fault = renderer.driver_error()
    checks.append(Check("errors of the driver", fault == "GL_NO_ERROR", fault))
    renderer.close()
    return checks


def _versions() -> str:
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("moderngl", "numpy", "torch"))
    return f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {packages}"


def _round_trip(renderer: OpenGLRenderer) -> str:
    """Upload numbers to a texture of floats and read them back."""
    numbers = np.linspace(-1e4, 1e4, 64 * 16 * 4, dtype=np.float32)

    def copy(context: moderngl.Context) -> bytes:
        return context.texture((64, 16), 4, numbers.tobytes(), dtype="f4").read()

    if not np.array_equal(np.frombuffer(renderer.run(copy), np.float32), numbers):
        raise RuntimeError("the numbers that came back are not those that were uploaded")
    return f"{numbers.size} numbers came back unchanged"


def _option_checks(renderer: OpenGLRenderer) -> Iterator[Check]:
    """Compare kinds of videos, with compute shaders if the driver has them, and one with fragment shaders too."""
    compute = renderer.run(has_compute)
    made, native, camera = OpenGLRenderer(options=RenderOptions(grouped=compute)), CpuRenderer(), small_camera()
    for name, overrides in OPTIONS.items():
        video = small_video(**overrides)
        expected = native.render(native.prepare(video, 0.25), camera)
        yield image_check(name, made.render(made.prepare(video, 0.25), camera), expected)
    made.close()
    if compute:
        fragments = OpenGLRenderer(options=RenderOptions(grouped=False))
        yield image_check("fragment shaders only", fragments.render(fragments.prepare(video, 0.25), camera), expected)
        fragments.close()


def _video_checks(renderer: OpenGLRenderer, video: VolumetricVideo, camera: Camera) -> Iterator[Check]:
    native = CpuRenderer()
    expected, frame = native.render(native.prepare(video, 0.0), camera), renderer.prepare(video, 0.0)
    image = renderer.render(frame, camera)
    yield image_check("image", image, expected)
    seen = (image.opacity > 0.5) & (expected.opacity > 0.5)
    yield difference_check("depth", image.depth[seen], expected.depth[seen], 0.02)
    yield _region_check(renderer.render(frame, camera, region=_part(camera)), image, camera)


def _part(camera: Camera) -> tuple[int, int, int, int]:
    return camera.width // 4, 0, camera.width // 2, camera.height // 2


def _region_check(part: RenderedImage, whole: RenderedImage, camera: Camera) -> Check:
    x0, y0, x1, y1 = _part(camera)
    return difference_check("region", part.rgba, whole.rgba[y0:y1, x0:x1], 1e-2)


def _decoding_checks(renderer: OpenGLRenderer, video: VolumetricVideo) -> Iterator[Check]:
    """Compare the decodings of this machine. In software OpenGL, decoding with shaders takes a small video."""
    for name, measured in renderer.measure_decodings(video).items():
        passed = name != "shaders" or measured.agreement >= MIN_AGREEMENT
        yield Check(f"decoding, {name}", passed, f"{measured.milliseconds:.2f} ms, {measured.agreement:.1f} dB from float32")


def _timing_checks(renderer: OpenGLRenderer, video: VolumetricVideo, camera: Camera, repeats: int) -> Iterator[Check]:
    names = ("decode", "bake", "density (timer query)", "color (timer query)", "image")
    rows: dict[str, list[float]] = {name: [] for name in names}
    for index in range(repeats):
        frame = renderer.prepare(video, float(index % video.num_frames))
        image = renderer.render(frame, camera).statistics
        values = (frame.decode_ms, frame.bake_ms, image.density_ms, image.color_ms, image.total_ms)
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    for name, values_of in rows.items():
        yield Check(f"time of {name}", True, f"{statistics.median(values_of):.2f} ms, median of {repeats}")
