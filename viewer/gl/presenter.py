"""Show rendered images: a pass of shaders/present.frag turns them into a texture, which is copied to the screen under lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import moderngl
import numpy as np
from numpy.typing import NDArray

from renderer.ground_shadow import GroundShadow
from viewer.gl.backdrop_textures import BackdropTextures
from viewer.gl.context import copy_screen
from viewer.gl.delayed_read import DelayedRead
from viewer.gl.image_slot import ImageSlot
from viewer.gl.line_pass import LinePass
from viewer.gl.mode_pass import ModePass
from viewer.gl.program import load_program
from viewer.gl.screen_pass import FindFunction, ScreenPass, screen_texture
from viewer.gl.screen_pixels import ScreenPixels
from viewer.picture.backdrop import Backdrop
from viewer.picture.comparison import Comparison
from viewer.picture.overlay_lines import OverlayLines
from viewer.picture.tone import over_black
from viewer.settings import BACKGROUNDS, IMAGE_BACKGROUNDS, DisplaySettings

NO_LINES = OverlayLines()

MAX_UNITS = 5
"""Texture units that the passes use."""


@dataclass
class PresentOptions:
    """Inputs of present.frag."""

    display: DisplaySettings = field(default_factory=over_black)
    """Tone and background."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """Values of a scalar image at both ends of the color map."""
    comparison: Comparison = Comparison.NONE
    """How a second image is compared with the first."""
    divider: float = 0.5
    """Position of the divider, 0 at the left to 1 at the right."""
    difference_gain: float = 4.0
    """Differences are multiplied by this before the color map."""
    behind: Backdrop | None = None
    """Picture, panorama and shadow behind the image; None if there is nothing."""

    @property
    def background(self) -> str:
        """The kind of background. It is a color while a picture is being read."""
        kind = self.display.background
        missing = kind in IMAGE_BACKGROUNDS and (self.behind is None or self.behind.image is None)
        return "color" if missing else kind

    @property
    def shadow(self) -> GroundShadow | None:
        """The shadow that is shown."""
        return self.behind.shadow if self.behind is not None and self.display.has_shadow else None


class Presenter:
    """Owns the textures of up to two images and the framebuffer they are presented in.

    Args:
        context: the window's OpenGL context.
        find: looks up OpenGL functions of the context, see `screen_texture`; None without a window.
    """

    def __init__(self, context: moderngl.Context, find: FindFunction | None = None) -> None:
        self.context, self._find = context, find
        self._triangles: dict[tuple[tuple[str, int], ...], moderngl.VertexArray] = {}
        self.slots = {slot: ImageSlot(context) for slot in (0, 1)}
        """The textures of both images; use `changed_slot` to change them."""
        self._screen, self._lines = ScreenPass(context, find), LinePass(context)
        self.modes = ModePass(context)
        """Computes the view modes of images that are in textures."""
        self._pixels = ScreenPixels(find)
        self._delayed = DelayedRead(context)
        self._color_map = context.texture((256, 1), 4, bytes(1024))
        self._color_map.repeat_x = self._color_map.repeat_y = False
        self._color_map_name = ""
        self._backdrop = BackdropTextures(context)
        self._target: moderngl.Framebuffer | None = None
        self._texture: moderngl.Texture | None = None
        self._presented: PresentOptions | None = None
        self._view: tuple[int, int] = (0, 0)
        self.passes = 0
        """Number of times that the view's texture was drawn. It is reused while neither images nor options change."""

    def upload(self, slot: int, pixels: NDArray[np.float32]) -> None:
        """Set the first (slot 0) or the second image.

        Args:
            slot: 0 or 1.
            pixels: (H, W, 4) float32 premultiplied color and opacity, or (H, W, 2) float32 value times opacity and opacity.
        """
        self.changed_slot(slot).upload(pixels)

    def changed_slot(self, slot: int) -> ImageSlot:
        """Return the textures of a slot to change them; the view is drawn again."""
        self._presented = None
        return self.slots[slot]

    def forget(self, slot: int) -> None:
        """Release the image of a slot."""
        if self.slots[slot].size is not None:
            self.changed_slot(slot).release()

    def set_color_map(self, name: str, colors: NDArray[np.uint8]) -> None:
        """Use a color map of (256, 3) uint8 for scalar images and differences; uploaded only when the name changes."""
        if name != self._color_map_name:
            opaque = np.full((256, 1), 255, np.uint8)
            self._color_map.write(np.concatenate([colors, opaque], axis=1).tobytes())
            self._color_map_name = name
            self._presented = None

    def present(self, width: int, height: int, options: PresentOptions) -> None:
        """Draw the images into the view's texture, unless it shows them already. Its row 0 is at the bottom.

        The texture has the view's size, or only the image's where enlarging it afterwards gives the same result.

        Args:
            width, height: pixels of the view.
            options: background, color and comparison.
        """
        self._view = width, height
        size = self.slots[0].size
        if size is not None and self._enlarges_alike(options):
            width, height = min(width, size[0]), min(height, size[1])
            if (width, height) == size and self.slots[0].memory is not None and self._pixels.usable:
                self._convert(self.slots[0].memory, options)
                return
        self._draw(width, height, options)

    def show(self, target: moderngl.Framebuffer, corner: tuple[int, int], overlay: OverlayLines = NO_LINES) -> None:
        """Copy the view's texture into a framebuffer, and draw lines over it. Call `present` first.

        Args:
            target: the window, or a framebuffer in a test.
            corner: left and bottom of the view in it, pixels.
            overlay: the lines.
        """
        assert self._texture is not None
        target.use()
        self._screen.draw(self._texture, (*corner, *self._view))
        if len(overlay.lines):
            self._lines.draw(overlay, self._view, self.slots[0], self.slots[1])
        self._unbind()

    def _color(self, slot: int) -> moderngl.Texture | None:
        return self.slots[slot].color

    def _enlarges_alike(self, options: PresentOptions) -> bool:
        """Return whether blending with the background and enlarging may be done in either order, since both are linear."""
        neutral = options.display.tone == (0.0, 1.0) and options.background == "color"
        alone = options.comparison is Comparison.NONE or self.slots[1].size is None
        return neutral and alone and options.shadow is None and self.slots[0].components == 4

    def _convert(self, image: tuple[NDArray[np.float32], NDArray[np.float32]], options: PresentOptions) -> None:
        """Do as `_draw` for an image in main memory that `_enlarges_alike`, at its size; the processor blends it."""
        rgba, depth = image
        self._sized_target(depth.shape[1], depth.shape[0])
        if self._begins(options):
            assert self._texture is not None
            surface = self._pixels.write(self._texture, rgba, depth, options.display.background_colors[0])
            self.slots[0].upload_surface(surface)
            self._unbind()

    def _begins(self, options: PresentOptions) -> bool:
        """Return whether the view's texture must be made again, and note that it shows these options then."""
        if self._presented == options:
            return False
        self._presented = replace(options, display=replace(options.display))
        self.passes += 1
        return True

    def _draw(self, width: int, height: int, options: PresentOptions) -> None:
        target = self._sized_target(width, height)
        if not self._begins(options):
            return
        target.use()
        self.context.viewport = (0, 0, width, height)
        self.context.scissor = None
        self.context.disable(moderngl.BLEND | moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        triangle = self._triangle_for(options)
        self._set_uniforms(triangle.program, width, height, options)
        triangle.render(moderngl.TRIANGLES, vertices=3)
        self._unbind()

    def _unbind(self) -> None:
        for unit in range(MAX_UNITS):  # a renderer may delete its textures, and ImGui restores what is bound
            self._color_map.use(unit)
        if self.context.screen is not None:
            self.context.screen.use()

    def _triangle_for(self, options: PresentOptions) -> moderngl.VertexArray:
        constants = {
            "SCALAR": int(self.slots[0].components == 2),
            "COMPARISON": int(options.comparison if self.slots[1].size is not None else Comparison.NONE),
            "NEUTRAL": int(options.display.tone == (0.0, 1.0)),
            "BACKGROUND": BACKGROUNDS.index(options.background),
            "SHADOW": int(options.shadow is not None),
        }
        key = tuple(constants.items())
        if key not in self._triangles:
            program = load_program(self.context, "present", "present", constants)
            self._triangles[key] = self.context.vertex_array(program, [])
        return self._triangles[key]

    @property
    def texture(self) -> moderngl.Texture | None:
        """The texture that the view shows; None before the first `present`."""
        return self._texture

    def read(self) -> NDArray[np.uint8]:
        """Return the pixels of the view without lines, (H, W, 3) uint8, row 0 at the top."""
        target = self._whole_view()
        width, height = target.size
        data = np.frombuffer(target.read(components=3, alignment=1), np.uint8)
        return data.reshape(height, width, 3)[::-1].copy()

    def read_delayed(self) -> NDArray[np.uint8]:
        """Return the pixels at the last call like `read`, and begin to copy the present ones; for recordings."""
        return self._delayed.next(self._whole_view())

    def read_screen_delayed(self, width: int, height: int) -> NDArray[np.uint8]:
        """Do as `read_delayed`, but with the window and its interface. Call this before the buffers are swapped."""
        return self._delayed.next_copied((width, height), lambda buffer: copy_screen(width, height, buffer))

    def end_delayed(self) -> None:
        """Forget the pixels of the last `read_delayed`."""
        self._delayed.release()

    def _whole_view(self) -> moderngl.Framebuffer:
        assert self._target is not None
        if self._presented is not None and self._target.size != self._view:
            self._draw(*self._view, self._presented)
            assert self._target is not None
        return self._target

    def release(self) -> None:
        """Release all OpenGL objects."""
        for slot in self.slots.values():
            slot.release()
        self._screen.release()
        self._lines.release()
        self.modes.release()
        self._delayed.release()
        self._backdrop.release()
        for thing in (self._target, self._texture, self._color_map):
            if thing is not None:
                thing.release()
        for triangle in self._triangles.values():
            triangle.program.release()
            triangle.release()

    def _sized_target(self, width: int, height: int) -> moderngl.Framebuffer:
        if self._target is None or self._target.size != (width, height):
            self._presented = None
            for thing in (self._target, self._texture):
                if thing is not None:
                    thing.release()
            self._texture = screen_texture(self.context, (width, height), self._find)
            self._target = self.context.framebuffer([self._texture])
        return self._target

    def _set_uniforms(self, program: moderngl.Program, width: int, height: int, options: PresentOptions) -> None:
        blank, display = self._color_map, options.display
        exposure, gamma = display.tone
        background_color, background_color_2 = display.background_colors
        first = self._color(0) or blank
        for unit, texture in enumerate((first, self._color(1) or first, self._color_map)):
            texture.use(unit)
            sampling = moderngl.NEAREST if texture.size == (width, height) else moderngl.LINEAR  # the same, but faster
            texture.filter = sampling, sampling
        values: dict[str, object] = {
            "image_a": 0,
            "image_b": 1,
            "color_map": 2,
            "value_range": options.value_range,
            "divider": options.divider,
            "difference_gain": options.difference_gain,
            "exposure": exposure,
            "gamma": gamma,
            "background_color": background_color,
            "background_color_2": background_color_2,
            "view_size": (float(width), float(height)),
            "checker_size": display.checker_size,
        }
        if options.behind is not None:
            values.update(self._backdrop.bind(options.behind, display, width, height))
        for name, value in values.items():
            if name in program:  # the compiler drops uniforms that the constants leave unused
                program[name] = value
