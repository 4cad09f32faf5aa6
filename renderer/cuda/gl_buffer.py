"""OpenGL pixel buffers that CUDA writes, so that images reach the screen without leaving the GPU."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Protocol

import torch

from renderer.cuda.driver import DISPLAY_STREAM, CudaFault
from renderer.cuda.image import CudaImage


class InteropFault(Exception):
    """OpenGL and CUDA cannot share memory on this machine.

    Args:
        cause: what failed.
        remedy: what the user can do.
    """

    def __init__(self, cause: str, remedy: str) -> None:
        self.cause, self.remedy = cause, remedy
        super().__init__(f"{cause}; {remedy}")


class PixelBuffer(Protocol):
    """A pixel buffer of OpenGL that CUDA can write. The OpenGL context must be current in the calling thread."""

    def write(self, image: CudaImage, name: str = "rgba") -> None:
        """Copy one of an image's tensors into the buffer; OpenGL's later calls wait for the copy. Raises InteropFault."""

    def close(self) -> None:
        """End the registration; call it before the buffer is deleted."""


class CudaPixelBuffer:
    """A registered pixel buffer.

    Args:
        driver: the GPU that renders, a `renderer.cuda.core_driver.CoreDriver`.
        buffer_name: OpenGL's name of the buffer.

    Raises:
        InteropFault: another GPU draws the window, or the driver cannot share.
    """

    def __init__(self, driver: Any, buffer_name: int) -> None:
        from cuda.bindings import driver as bindings  # noqa: PLC0415 - optional
        from cuda.core import GraphicsResource  # noqa: PLC0415

        self._driver, self._bindings = driver, bindings
        with explained(driver.device), driver.stream(DISPLAY_STREAM):
            devices = window_devices()
            if driver.device.index not in devices:
                raise InteropFault("the window is drawn by a different GPU than the one that renders", remedy_for(os.environ))
            self._resource: Any = GraphicsResource.from_gl_buffer(buffer_name, flags="write_discard")
            if not int(self._resource.handle):
                raise InteropFault("the driver shares no memory between CUDA and OpenGL", remedy_for(os.environ))

    def write(self, image: CudaImage, name: str = "rgba") -> None:
        """Copy one of an image's tensors into the buffer."""
        from cuda.core import Stream  # noqa: PLC0415

        image.finish()  # a window has done this on the render thread
        pixels = image.tensors[name]
        with explained(self._driver.device), self._driver.stream(DISPLAY_STREAM):
            if image.ready is not None:
                image.ready.wait()
            self._driver.share([pixels])
            stream = Stream.from_handle(torch.cuda.current_stream().cuda_stream)
            with self._resource.map(stream=stream) as target:
                size = pixels.numel() * pixels.element_size()
                if not int(target.handle) or target.size < size:
                    raise InteropFault("the driver maps no memory of the window", remedy_for(os.environ))
                copied = self._bindings.cuMemcpyDtoDAsync(int(target.handle), pixels.data_ptr(), size, stream.handle)
                if int(copied[0]) != 0:
                    raise CudaFault("interop", copied[0].name)

    def close(self) -> None:
        """End the registration."""
        with contextlib.suppress(Exception):  # the context may be gone, and the registration with it
            self._resource.close()


def window_devices() -> list[int]:
    """Return CUDA's numbers of the GPUs that draw the current OpenGL context; InteropFault when there are none.

    The calling thread needs a context of CUDA as well: call it within a driver's `stream`.
    """
    from cuda.bindings import driver as bindings  # noqa: PLC0415 - optional

    max_devices = 8
    result = bindings.cuGLGetDevices(max_devices, bindings.CUGLDeviceList.CU_GL_DEVICE_LIST_ALL)
    if int(result[0]) != 0 or not result[1]:
        code = getattr(result[0], "name", str(result[0]))
        raise InteropFault(f"no NVIDIA GPU draws the window ({code})", remedy_for(os.environ))
    return [int(device) for device in result[2][: int(result[1])]]


def remedy_for(environment: Any, platform: str = sys.platform) -> str:
    """Return what the user can do when CUDA and OpenGL cannot share memory, by signs of remote displays and hybrid GPUs."""
    slower = "until then, images are copied through main memory"
    if "WSL_DISTRO_NAME" in environment or "WSL_INTEROP" in environment:
        return f"WSL2 cannot share them; run under Windows or Linux itself, {slower}"
    if "SSH_CONNECTION" in environment or "VNCDESKTOP" in environment:
        return f"a forwarded display is drawn on another machine; use a local display or VirtualGL, {slower}"
    if platform.startswith("linux"):
        offload = "__NV_PRIME_RENDER_OFFLOAD=1 __GLX_VENDOR_LIBRARY_NAME=nvidia"
        return f"start with {offload}, {slower}"
    return f"choose the NVIDIA GPU for Python in the graphics settings, {slower}"


@contextlib.contextmanager
def explained(device: torch.device) -> Iterator[None]:
    """Turn any failure of CUDA in the block into an `InteropFault`, and clear the error that the runtime remembers."""
    try:
        yield
    except InteropFault:
        clear_error(device)
        raise
    except Exception as error:  # every library here has its own types
        clear_error(device)
        raise InteropFault(f"CUDA and OpenGL cannot share memory ({error})", remedy_for(os.environ)) from error


def clear_error(device: torch.device) -> None:
    """Make torch forget the last error; otherwise its next operation, though correct, would report it.

    Torch has a CUDA runtime of its own, whose memory of errors no other library can reach. It forgets an error by
    reporting it, which the operation here provokes.
    """
    with contextlib.suppress(Exception):
        torch.zeros(1, device=device)


def connect(image: CudaImage, buffer_name: int) -> PixelBuffer:
    """Register a pixel buffer with the GPU that made an image; InteropFault when that is impossible."""
    return CudaPixelBuffer(image.driver, buffer_name)
