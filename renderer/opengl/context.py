"""Create OpenGL contexts without a window, and query their driver."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import moderngl

from common.errors import InputError

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "swiftshader", "microsoft basic render", "apple software renderer")
"""Parts of the names of drivers that compute on the CPU, in lower case."""

MAX_DEVICES = 8
"""Maximum number of EGL devices to try."""


def create_context() -> moderngl.Context:
    """Create an OpenGL 3.3 core context that needs neither a window nor a display.

    If there are several devices, the first graphics card is used. OpenGL in software is used only if there is no card.

    Raises:
        InputError: this machine has no such driver; the message contains the driver's own.
    """
    faults: list[str] = []
    software = None
    for options in _device_options():
        if software is not None and not options:  # a display that cannot make contexts may end the whole program
            break
        try:
            context = _create(options)
        except Exception as error:  # moderngl raises plain Exception
            faults.append(" ".join(str(error).split()))
            continue
        if not is_software(context):
            return context
        context.release()
        software = software or options
    if software is not None:
        return _create(software)
    remedy = "install a graphics driver, on Debian or Ubuntu at least `libgl1 libegl1 libgl1-mesa-dri`, or use --backend cpu"
    raise InputError("backend opengl", f"OpenGL 3.3 is not available ({'; '.join(dict.fromkeys(faults))})", remedy)


class StandaloneContext:
    """Makes a context that is not shared with a window, see `create_context`."""

    def create(self) -> moderngl.Context:
        """Make the context."""
        return create_context()

    def release(self, context: moderngl.Context) -> None:
        """Free the context."""
        with context:
            pass  # afterwards it is not current: a driver keeps a context, with all its memory, as long as a thread uses it
        context.release()


def _device_options() -> Iterator[dict[str, Any]]:
    """Yield moderngl's options for each device that may exist."""
    if sys.platform.startswith("linux"):
        yield from ({"backend": "egl", "device_index": index} for index in range(MAX_DEVICES))
    yield {}


def _create(options: dict[str, Any]) -> moderngl.Context:
    """Create a context with compute shaders if the driver has them. Some drivers never give more than the requested version."""
    try:
        return moderngl.create_context(standalone=True, require=430, **options)
    except Exception:  # moderngl raises plain Exception
        return moderngl.create_context(standalone=True, require=330, **options)


def device_name(context: moderngl.Context) -> str:
    """Return the driver's name of the graphics card."""
    return str(context.info["GL_RENDERER"])


def driver_version(context: moderngl.Context) -> str:
    """Return the names of the vendor and the graphics card and the version of the driver."""
    return " ".join(str(context.info[name]) for name in ("GL_VENDOR", "GL_RENDERER", "GL_VERSION"))


def is_software(context: moderngl.Context) -> bool:
    """Return whether the driver computes on the CPU."""
    return any(name in device_name(context).lower() for name in SOFTWARE_RENDERERS)
