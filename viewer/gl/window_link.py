"""Adapt renderers to the window that shows their images."""

from __future__ import annotations

import contextlib

from common.errors import InputError
from renderer.backend import Renderer
from renderer.opengl.renderer import OpenGLRenderer
from viewer.gl.shared_context import SharedContexts


def follow_window(renderer: Renderer, contexts: SharedContexts) -> str:
    """Move a renderer that has rendered nothing yet to where the window can show its images without copies.

    A CUDA renderer moves to the GPU that draws the window. If CUDA cannot use that GPU, it stays where it is; the first image
    then fails and the window reports it. An OpenGL renderer moves to a context that shares textures with the window's.

    Returns:
        A message for the user if the images have to be copied; empty otherwise.
    """
    if renderer.name == "cuda":
        _follow_with_cuda(renderer)
    if isinstance(renderer, OpenGLRenderer) and not renderer.shared and (reason := contexts.share(renderer)):
        return f"Images are copied through main memory: {reason}"
    return ""


def _follow_with_cuda(renderer: Renderer) -> None:
    from renderer.cuda import gl_buffer  # noqa: PLC0415 - loads PyTorch, which only CUDA needs
    from renderer.cuda.driver import DISPLAY_STREAM, CudaFault  # noqa: PLC0415
    from renderer.cuda.gl_buffer import InteropFault  # noqa: PLC0415
    from renderer.cuda.renderer import CudaRenderer  # noqa: PLC0415

    if not isinstance(renderer, CudaRenderer):
        return
    with contextlib.suppress(InteropFault, InputError, CudaFault), renderer.driver.stream(DISPLAY_STREAM):
        devices = gl_buffer.window_devices()
        if renderer.driver.device.index not in devices:
            renderer.use_device(devices[0])
