"""Show images rendered by CUDA without a copy through main memory, where the machine supports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import moderngl
import numpy as np

from renderer.backend import RenderedImage
from viewer.gl.presenter import Presenter

if TYPE_CHECKING:  # they load PyTorch, which only CUDA's images need
    from renderer.cuda.gl_buffer import PixelBuffer
    from renderer.cuda.image import CudaImage

Connect = Callable[["CudaImage", moderngl.Buffer], "PixelBuffer"]
"""Registers a buffer with the GPU of an image; raises InteropFault if that fails."""


def connect(image: CudaImage, buffer: moderngl.Buffer) -> PixelBuffer:
    """Register a buffer with CUDA."""
    from renderer.cuda import gl_buffer  # noqa: PLC0415 - loads PyTorch

    return gl_buffer.connect(image, buffer.glo)


@dataclass
class SharedBuffer:
    """A pixel buffer shared by OpenGL and CUDA."""

    buffer: moderngl.Buffer
    """OpenGL's side."""
    pixels: PixelBuffer
    """CUDA's side."""

    def release(self) -> None:
        """Release both, in the order that the driver requires."""
        self.pixels.close()
        self.buffer.release()


class DirectDisplay:
    """Copies images and their depth into the presenter's textures through pixel buffers, two per image slot.

    A buffer is registered when it is created, which happens when the image's size changes. The pixels of the first image are
    read back and compared, because some drivers report success and copy nothing. After a failure all images are uploaded
    instead until `retry` is called, and `take_notice` returns the reason.

    Args:
        connect: registers buffers; replaced by tests.
    """

    def __init__(self, connect: Connect = connect) -> None:
        self._connect = connect
        self._shared: dict[tuple[int, str], SharedBuffer] = {}
        self._proven = False
        self._notice = self._told = ""
        self.usable = True
        """Whether every attempt since the start or the last `retry` has succeeded."""

    def show(self, presenter: Presenter, slot: int, image: RenderedImage) -> bool:
        """Show an image in a slot of the presenter. Return False if it must be uploaded instead."""
        if not self.usable or not image.on_cuda or 0 in image.size:
            return False
        from renderer.cuda.gl_buffer import InteropFault  # noqa: PLC0415 - loaded already

        try:
            written = [self._written(presenter, slot, cast("CudaImage", image), name) for name in ("rgba", "depth")]
        except InteropFault as fault:
            self.usable, self._notice = False, f"Images are copied through main memory: {fault}"
            self.release()
            return False
        textures = presenter.changed_slot(slot)
        textures.upload_from(*image.size, written[0])
        textures.upload_depth_from(*image.size, written[1])
        return True

    def retry(self) -> None:
        """Try again with the next image; what failed for one renderer may succeed for another."""
        self.usable = True

    def take_notice(self) -> str:
        """Return the message for the user and clear it. It is empty if there is none, or if it was returned before."""
        notice, self._notice = self._notice, ""
        if notice == self._told:
            return ""
        self._told = notice or self._told
        return notice

    def release(self) -> None:
        """Release all buffers. Call this while the OpenGL context exists."""
        for shared in self._shared.values():
            shared.release()
        self._shared.clear()

    def _written(self, presenter: Presenter, slot: int, image: CudaImage, name: str) -> moderngl.Buffer:
        from renderer.cuda.gl_buffer import InteropFault  # noqa: PLC0415 - loaded already

        pixels, key = image.tensors[name], (slot, name)
        size = pixels.numel() * pixels.element_size()
        shared = self._shared.get(key)
        if shared is None or shared.buffer.size != size:
            if shared is not None:
                self._shared.pop(key).release()
            buffer = presenter.context.buffer(reserve=size, dynamic=True)
            try:
                shared = self._shared[key] = SharedBuffer(buffer, self._connect(image, buffer))
            except InteropFault:
                buffer.release()
                raise
        shared.pixels.write(image, name)
        if not self._proven:
            arrived = np.frombuffer(shared.buffer.read(), np.float32)
            if not np.array_equal(arrived, image.rgba.ravel()):
                raise InteropFault("the driver reported success, but no pixels arrived", "update NVIDIA's driver")
            self._proven = True
        return shared.buffer
