"""Draw lines over the view. A shader dims the parts behind the scene, so that no depth has to leave the graphics card."""

from __future__ import annotations

import moderngl

from renderer.backend import SURFACE_OPACITY
from viewer.gl.image_slot import ImageSlot
from viewer.gl.program import load_program
from viewer.picture.overlay_lines import OverlayLines

FORMAT = "3f 3f 4f 1f 1f /i"
"""`viewer.picture.overlay_lines.LINE`, one per instance."""


class LinePass:
    """Draws into the framebuffer in use.

    Args:
        context: the window's OpenGL context.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._program = load_program(context, "lines", "lines")
        self._buffer = context.buffer(reserve=1 << 16, dynamic=True)
        names = ("first", "second", "color", "thickness", "behind")
        self._array = context.vertex_array(self._program, [(self._buffer, FORMAT, *names)])
        for unit, name in enumerate(("opacity_a", "depth_a", "opacity_b", "depth_b")):
            self._program[name] = unit
        self._program["surface_opacity"] = SURFACE_OPACITY
        # Without an image, nothing hides lines.
        self._nothing = context.texture((1, 1), 4, bytes(4))

    def draw(self, overlay: OverlayLines, size: tuple[int, int], first: ImageSlot | None, second: ImageSlot | None) -> None:
        """Draw lines over a view of this width and height; `first` and `second` are the images that hide them."""
        data = overlay.lines.tobytes()
        if len(data) > self._buffer.size:
            self._buffer.orphan(2 * len(data))
        self._buffer.write(data)
        left = first.surface if first is not None else None
        right = (second.surface if second is not None else None) or left
        for unit, texture in enumerate((*(left or (self._nothing,) * 2), *(right or (self._nothing,) * 2))):
            texture.use(unit)
        self._program["view_size"] = tuple(map(float, size))
        self._program["divider"], self._program["slack"] = overlay.divider, overlay.slack
        self._context.enable(moderngl.BLEND)
        # The target stays opaque: ImGui would blend it with what is behind the view.
        self._context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ZERO, moderngl.ONE  # type: ignore[assignment]
        self._array.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(overlay.lines))
        self._context.disable(moderngl.BLEND)

    def release(self) -> None:
        """Release all OpenGL objects."""
        for thing in (self._array, self._program, self._buffer, self._nothing):
            thing.release()
