"""Draw lines over the view. A shader dims the parts behind the scene, so that no depth has to leave the graphics card."""

from __future__ import annotations

import moderngl

from renderer.backend import SURFACE_OPACITY
from viewer.gl.image_slot import ImageSlot
from viewer.gl.program import load_program
from viewer.picture.overlay_lines import OverlayLines

FORMAT = "3f 3f 4f 1f 1f /i"
"""`viewer.picture.overlay_lines.LINE`, one per instance."""

ATTRIBUTES = "first", "second", "color", "thickness", "behind"
"""Names of the fields of `FORMAT` in shaders/lines.vert."""

UNITS = "opacity_a", "depth_a", "opacity_b", "depth_b"
"""The textures of shaders/lines.frag, in the order of their units."""


class LinePass:
    """Draws into the framebuffer in use.

    Args:
        context: the window's OpenGL context.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._buffer = context.buffer(reserve=1 << 16, dynamic=True)
        # Without an image, nothing hides lines.
        self._nothing = context.texture((1, 1), 4, bytes(4))
        self._arrays = tuple(self._array(split) for split in (0, 1))

    def _array(self, split: int) -> moderngl.VertexArray:
        program = load_program(self._context, "lines", "lines", {"SPLIT": split})
        for unit, name in enumerate(UNITS[: 2 + 2 * split]):
            program[name] = unit
        program["surface_opacity"] = SURFACE_OPACITY
        return self._context.vertex_array(program, [(self._buffer, FORMAT, *ATTRIBUTES)])

    def draw(self, overlay: OverlayLines, size: tuple[int, int], first: ImageSlot | None, second: ImageSlot | None) -> None:
        """Draw lines over a view of this width and height; `first` and `second` are the images that hide them."""
        data = overlay.lines.tobytes()
        if len(data) > self._buffer.size:
            self._buffer.orphan(2 * len(data))
        self._buffer.write(data)
        nothing = (self._nothing, self._nothing)
        left = (first.surface if first is not None else None) or nothing
        right = (second.surface if second is not None else None) or left
        split = overlay.divider < 1.0
        for unit, texture in enumerate((*left, *right) if split else left):
            texture.use(unit)
        array = self._arrays[split]
        array.program["view_size"], array.program["slack"] = tuple(map(float, size)), overlay.slack
        if split:
            array.program["divider"] = overlay.divider
        self._context.enable(moderngl.BLEND)
        # The target stays opaque: ImGui would blend it with what is behind the view.
        self._context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ZERO, moderngl.ONE  # type: ignore[assignment]
        array.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(overlay.lines))
        self._context.disable(moderngl.BLEND)

    def release(self) -> None:
        """Release all OpenGL objects."""
        for array in self._arrays:
            array.program.release()
            array.release()
        self._buffer.release()
        self._nothing.release()
