"""OpenGL contexts without a window, and what is known of their driver."""

from __future__ import annotations

import sys

import moderngl

from common.errors import InputError

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "swiftshader", "microsoft basic render", "apple software renderer")
"""Parts of the names of drivers that compute on the CPU, in lower case."""


def create_context() -> moderngl.Context:
    """Create an OpenGL 3.3 core context that needs neither a window nor a display.

    Raises:
        InputError: this machine has no such driver; the message has the driver's own words.
    """
    faults = []
    backends: tuple[dict[str, str], ...] = ({"backend": "egl"}, {}) if sys.platform.startswith("linux") else ({},)
    for backend in backends:
        try:
            return moderngl.create_context(standalone=True, require=330, **backend)  # type: ignore[arg-type]
        except Exception as error:  # moderngl raises plain Exception
            faults.append(" ".join(str(error).split()))
    remedy = "install a graphics driver, on Debian or Ubuntu at least `libgl1 libegl1 libgl1-mesa-dri`, or use --backend cpu"
    raise InputError("backend opengl", f"there is no OpenGL 3.3 here ({'; '.join(faults)})", remedy)


def device_name(context: moderngl.Context) -> str:
    """Return the driver's name of the graphics card."""
    return str(context.info["GL_RENDERER"])


def is_software(context: moderngl.Context) -> bool:
    """Return whether the driver computes on the CPU."""
    return any(name in device_name(context).lower() for name in SOFTWARE_RENDERERS)
