"""Compute view modes from the textures of a rendered image, so that no pixels are read back: shaders/view_mode.frag."""

from __future__ import annotations

import moderngl
import numpy as np

from model.camera import Camera
from model.config import PLANE_AXES, ModelConfig
from renderer.backend import PreparedFrame
from renderer.opengl.image import FORMATS, ImageTextures
from viewer.gl.program import load_program
from viewer.picture.views import SCALAR_VIEWS, View, head_colors

MODES = (View.DEPTH, View.OPACITY, View.DENSITY_SAMPLES, View.COLOR_SAMPLES, View.NORMALS, View.HEADS)
"""The views in the order of VIEW in the shader."""

TEXTURES = ("rgba", "depth", "counts", "head_colors")
"""The samplers of the shader, in the order of their units."""


class ModePass:
    """Draws view modes into textures.

    Args:
        context: the window's OpenGL context.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._arrays: dict[View, moderngl.VertexArray] = {}
        self._heads = context.texture((1, 1), 3, dtype="f4")

    def draw(
        self,
        target: moderngl.Texture,
        view: View,
        textures: ImageTextures,
        camera: Camera,
        frame: PreparedFrame,
        config: ModelConfig,
        head_plane: int,
    ) -> None:
        """Draw a view mode.

        Args:
            target: a texture of the image's size with `components` of the view.
            view: one of `MODES`.
            textures: the image's; the context shares them.
            camera: the one it was rendered from, in the image's size.
            frame: the frame that it shows.
            config: of its video.
            head_plane: index of the plane whose color heads are shown; the last one if there are fewer.
        """
        array = self._arrays.get(view) or self._compile(view)
        axes = PLANE_AXES[config.mlp_planes[min(head_plane, len(config.mlp_planes) - 1)]]
        low, high = frame.box
        uniforms = {
            "pixel_to_world": tuple(camera.pixel_to_world.T.ravel().tolist()),
            "center": tuple((camera.center - low).tolist()),
            "box_extent": tuple((high - low).tolist()),
            "head_axes": tuple(axes),
            "bilinear": config.assignment == "bilinear",
        }
        program = array.program
        for name, value in uniforms.items():
            if name in program:  # the compiler drops uniforms that the view does not use
                program[name] = value
        if view is View.HEADS:
            self._set_heads(config.color_map_resolution)
        self._draw(array, target, textures)

    def _draw(self, array: moderngl.VertexArray, target: moderngl.Texture, textures: ImageTextures) -> None:
        shared = [self._context.external_texture(getattr(textures, name).glo, target.size, *_format(name)) for name in FORMATS]
        for unit, texture in enumerate((*shared, self._heads)):
            texture.use(unit)
        framebuffer = self._context.framebuffer([target])
        framebuffer.use()
        self._context.scissor = None
        self._context.disable(moderngl.BLEND | moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        array.render(moderngl.TRIANGLES, vertices=3)
        for unit in range(len(TEXTURES)):  # the renderer may delete its textures, and ImGui restores what is bound
            self._heads.use(unit)
        if self._context.screen is not None:  # moderngl binds the last framebuffer again when it makes the next one
            self._context.screen.use()
        framebuffer.release()
        for texture in shared:
            texture.release()

    def _compile(self, view: View) -> moderngl.VertexArray:
        program = load_program(self._context, "present", "view_mode", {"VIEW": MODES.index(view)})
        for unit, name in enumerate(TEXTURES):
            if name in program:
                program[name] = unit
        array = self._arrays[view] = self._context.vertex_array(program, [])
        return array

    def _set_heads(self, heads: int) -> None:
        if self._heads.size != (heads, heads):
            self._heads.release()
            self._heads = self._context.texture((heads, heads), 3, np.ascontiguousarray(head_colors(heads)), dtype="f4")

    def release(self) -> None:
        """Release all OpenGL objects."""
        self._heads.release()
        for array in self._arrays.values():
            array.program.release()
            array.release()


def components(view: View) -> int:
    """Return the components of a view's texture: 2 of scalar views, else 4."""
    return 2 if view in SCALAR_VIEWS else 4


def _format(name: str) -> tuple[int, int, str]:
    """Return components, samples and type of one of an image's textures."""
    count, dtype = FORMATS[name]
    return count, 0, dtype
