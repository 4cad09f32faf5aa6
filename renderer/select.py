"""Choosing a backend by name."""

from __future__ import annotations

import importlib.util
import sys

from model.errors import InputError
from renderer.backend import Renderer

BACKENDS = ("auto", "cuda", "cpu", "reference")
"""What `--backend` accepts."""


def create_renderer(backend: str = "auto", threads: int | None = None) -> Renderer:
    """Make a renderer.

    "auto" takes the fastest backend that this machine can run: cuda, else cpu, else reference; the last, slow by a factor
    of a hundred, is announced on stderr with the remedy.

    Args:
        backend: one of `BACKENDS`.
        threads: CPU threads; None takes as many as there are cores.

    Raises:
        InputError: an unknown backend, or one that cannot run here.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend {backend!r}", f"is unknown; choose one of {', '.join(BACKENDS)}")
    if backend == "reference":
        return _reference(threads)
    if backend == "cpu" or (backend == "auto" and importlib.util.find_spec("mlpvid_kernels")):
        from renderer.cpu import CpuRenderer  # noqa: PLC0415 - loads native code, which a reference-only machine lacks

        return CpuRenderer(threads)
    if backend == "cuda":
        raise InputError("backend 'cuda'", "is not part of this version", "use --backend cpu")
    print(
        "note: the native kernels are not installed, so the slow reference backend renders; "
        "`pip install ./renderer/kernels` builds them (needs a C++ compiler)",
        file=sys.stderr,
    )
    return _reference(threads)


def _reference(threads: int | None) -> Renderer:
    from renderer.reference import ReferenceRenderer  # noqa: PLC0415 - the choice decides what is loaded

    return ReferenceRenderer(threads)
