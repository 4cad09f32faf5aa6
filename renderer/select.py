"""Create a renderer from the name of a backend."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from common.arguments import checked_whole, shown
from common.command_line import MAX_THREADS
from common.errors import InputError
from common.native import has_native, note_native_fault
from common.pytorch import has_pytorch, require_pytorch
from renderer.cuda.nvidia_driver import cuda_of_driver

if TYPE_CHECKING:  # slow to load, or PyTorch is missing: the choice decides what is loaded
    from model.video import VolumetricVideo
    from renderer.backend import Renderer
    from renderer.cuda.renderer import CudaRenderer
    from renderer.opengl.renderer import OpenGLRenderer

_log = logging.getLogger(__name__)

BACKENDS = {"auto": "Auto", "cuda": "CUDA", "opengl": "OpenGL", "cpu": "CPU", "reference": "Reference"}
"""The backends: the names that `--backend` accepts and the names that the window shows, fastest first."""


def backend_for(video: VolumetricVideo, backend: str) -> str:
    """Return the backend that renders a video when `backend` is asked for.

    Only the reference backend knows other methods than the paper's own (docs/methods.md).
    """
    return backend if video.config.method is None else "reference"


def check_choice(backend: object, threads: object) -> None:
    """Raise InputError unless `create_renderer` knows these values; it may still be unable to run the backend."""
    if not isinstance(backend, str) or backend not in BACKENDS:
        raise InputError(f"backend {shown(backend)}", f"is unknown; choose one of {', '.join(BACKENDS)}")
    if threads is not None:
        checked_whole(threads, "threads", 1, MAX_THREADS)


def create_renderer(backend: str = "auto", threads: int | None = None, background: bool = False) -> Renderer:
    """Create a renderer.

    "auto" takes the fastest backend that this machine can run: cuda, else opengl on a graphics card, else cpu, else
    reference. OpenGL in software is never taken. A note on stderr announces the reference backend, which is slower by a
    factor of a hundred, and says how to install the native kernels.

    Args:
        backend: one of `BACKENDS`.
        threads: number of CPU threads; None means one per core.
        background: True gives the CPU threads a low priority, so that a window stays responsive.

    Raises:
        InputError: the backend is unknown or cannot run on this machine, or the number of threads is out of range.
    """
    check_choice(backend, threads)
    renderer = _create(backend, threads, background)
    _log.info("the backend %s renders on %s with %d threads", renderer.name, renderer.device, renderer.threads)
    return renderer


def next_renderer(failed: str, threads: int | None = None, background: bool = False) -> Renderer:
    """Create the renderer to continue with when a backend has failed, see `renderer.backend.DeviceFailed`.

    It is the one that "auto" takes among the backends after `failed` in `BACKENDS`, which are slower. Notes on stderr say
    why others were not taken.

    Args:
        failed: the name of the renderer that failed.
        threads: as in `create_renderer`.
        background: as in `create_renderer`.

    Raises:
        InputError: no backend is left.
    """
    names = list(BACKENDS)
    for name in names[names.index(failed) + 1 :]:
        if renderer := _if_usable(name, threads, background):
            return renderer
    raise InputError(f"backend {failed}", "failed, and no other backend is left", "restart the program")


def _create(backend: str, threads: int | None, background: bool) -> Renderer:
    named: dict[str, Callable[[], Renderer]] = {
        "auto": lambda: next_renderer("auto", threads, background),
        "cuda": _cuda,
        "opengl": lambda: _opengl(threads),
        "cpu": lambda: _cpu(threads, background),
        "reference": lambda: _reference(threads),
    }
    return named[backend]()


def _if_usable(backend: str, threads: int | None, background: bool) -> Renderer | None:
    """Return the backend of that name, or None if "auto" does not take it."""
    if backend == "cuda":
        return _cuda_if_usable()
    if backend == "opengl":
        return _opengl_if_usable(threads)
    if backend == "cpu":
        return _cpu(threads, background) if has_native("mlpvid_kernels") else None
    if backend != "reference":
        return None
    note_native_fault("mlpvid_kernels", "the slow reference backend renders")
    return _reference(threads)


def _cuda() -> CudaRenderer:
    require_pytorch("backend cuda")
    from renderer.cuda.renderer import CudaRenderer  # noqa: PLC0415 - loads PyTorch

    return CudaRenderer()


def _cuda_if_usable() -> Renderer | None:
    """Return the CUDA backend on the best GPU that renders correct images, or None. Notes on stderr say why others are not."""
    if not has_pytorch() or cuda_of_driver() is None:
        return None
    from renderer.cuda.usable import usable_devices  # noqa: PLC0415 - loads PyTorch

    try:
        devices = usable_devices()
    except InputError as error:
        print(f"note: {error}", file=sys.stderr)
        return None
    return next((renderer for device in devices if (renderer := _proven_cuda(device))), None)


def _proven_cuda(device: int) -> Renderer | None:
    from renderer.agreement import require_agreement  # noqa: PLC0415 - the choice decides what is loaded
    from renderer.cuda.renderer import CudaRenderer, open_driver  # noqa: PLC0415

    def prove(renderer: CudaRenderer) -> None:
        require_agreement(renderer, renderer.versions)

    try:
        renderer = CudaRenderer(open_driver(device), prove=prove)
        prove(renderer)
    except InputError as error:
        print(f"note: {error}", file=sys.stderr)
        return None
    return renderer


def _opengl(threads: int | None) -> OpenGLRenderer:
    from renderer.opengl.renderer import OpenGLRenderer  # noqa: PLC0415 - the choice decides what is loaded

    return OpenGLRenderer(threads)


def _opengl_if_usable(threads: int | None) -> Renderer | None:
    """Return the OpenGL backend on a graphics card, or None. If a card renders wrong images, a note on stderr says so."""
    from renderer.opengl.card import may_have_card  # noqa: PLC0415

    if not may_have_card():
        return None
    try:
        renderer = _opengl(threads)
    except InputError:  # no OpenGL here; a user without a graphics card need not be told
        return None
    try:
        if not renderer.software:
            _prove_opengl(renderer)
            return renderer
    except InputError as error:
        print(f"note: {error}", file=sys.stderr)
    renderer.close()
    return None


def _prove_opengl(renderer: OpenGLRenderer) -> None:
    """Raise InputError unless it renders the right image, with compute shaders or, if those are wrong, without them."""
    from renderer.agreement import require_agreement  # noqa: PLC0415 - the choice decides what is loaded

    try:
        require_agreement(renderer, renderer.driver)
    except InputError as error:
        if not renderer.avoid_compute():
            raise
        _log.warning("samples are colored without compute shaders, because of this error: %s", error)
        require_agreement(renderer, f"{renderer.driver} without compute shaders")


def _cpu(threads: int | None, background: bool) -> Renderer:
    from renderer.cpu.renderer import CpuRenderer  # noqa: PLC0415 - loads native code, which a reference-only machine lacks

    return CpuRenderer(threads, background=background)


def _reference(threads: int | None) -> Renderer:
    require_pytorch("backend reference")
    from renderer.reference.renderer import ReferenceRenderer  # noqa: PLC0415 - loads PyTorch

    return ReferenceRenderer(threads)
