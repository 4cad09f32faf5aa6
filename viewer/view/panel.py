"""The view: the presented image, its overlays, and the mouse."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import moderngl
import numpy as np
from imgui_bundle import ImVec2, imgui
from numpy.typing import NDArray

from model.camera import MAX_IMAGE_SIDE
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.gl.context import GlfwLoader
from viewer.gl.image_display import ImageDisplay, in_textures
from viewer.gl.presenter import Presenter, PresentOptions
from viewer.gl.shared_context import SharedContexts
from viewer.gl.window_link import follow_window
from viewer.picture.color_maps import color_table
from viewer.picture.comparison import Comparison
from viewer.picture.options import VIEWS, shown_pixels
from viewer.picture.scene_depth import surface_depth
from viewer.picture.views import Legend, ViewPixels, view_legend
from viewer.playback.render_worker import ViewResult
from viewer.settings import DisplaySettings
from viewer.view.comparison import draw_comparison
from viewer.view.crop_handles import CropHandles
from viewer.view.gizmo import Gizmo, gizmo_fits
from viewer.view.legend import draw_legend
from viewer.view.mouse import ViewMouse
from viewer.view.overlays import Overlays
from viewer.view.placement_gizmo import PlacementGizmo
from viewer.view.start_page import StartPage
from viewer.work.latest_task import LatestTask

_Key = tuple[tuple[object, ...], ViewResult]  # how an image is shown, and the image itself
_Pixels = tuple[ViewPixels, NDArray[np.float32]]  # the pixels of a mode other than color, and the depth of the surface
_Made = tuple[Legend | None, _Pixels | None]  # the pixels are None if a shader computes them from the image's textures


class ViewPanel:
    """Shows the front document and lets the mouse move its camera.

    Args:
        actions: runs the actions of gestures.
    """

    title = "Picture"

    def __init__(self, actions: ActionRunner) -> None:
        self.presenter: Presenter | None = None
        """Set as soon as there is an OpenGL context."""
        self._gizmo = Gizmo()
        self._placement, self._crop = PlacementGizmo(), CropHandles()
        self._mouse = ViewMouse(actions)
        self._start = StartPage(actions)
        self._overlays = Overlays()
        self.display = ImageDisplay()
        """Brings images into the presenter."""
        self._uploaded: dict[int, _Key | None] = {}
        self._making: dict[int, LatestTask[_Key, _Made]] = {}
        self._legend: Legend | None = None

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        if not imgui.is_any_item_active() and not self._placement.used:
            app.scenes.settle()
        self._draw_tabs(app)
        size, ratio = imgui.get_content_region_avail(), imgui.get_io().display_framebuffer_scale
        width, height = max(16, int(size.x)), max(16, int(size.y))
        app.viewport.size = max(16, round(width * ratio.x)), max(16, round(height * ratio.y))
        corner = imgui.get_cursor_screen_pos()
        app.viewport.place = corner.x, corner.y, float(width), float(height)
        if app.document is None:
            self._forget_images()
        if app.document is None and not app.documents.loader.loading and not app.documents.awaited:
            self._start.draw(app, corner, width, height)
            return
        if app.document is not None and gizmo_fits(width, height):
            self._gizmo.handle(app, app.document, corner, width)
        with drawn_later() as behind:
            taken = self._handle_tools(app, corner, width, height)
            behind()
            if not taken:
                flags = imgui.ButtonFlags_.mouse_button_left | imgui.ButtonFlags_.mouse_button_right
                imgui.invisible_button("###view", ImVec2(width, height), flags | imgui.ButtonFlags_.mouse_button_middle)
                self._mouse.handle(app, corner, width, height)
            self._draw_image(app, corner, width, height)

    def _handle_tools(self, app: ViewerApp, corner: ImVec2, width: int, height: int) -> bool:
        """Let the mouse change the selected video. Return whether it is on the gizmo, so that it must not move the camera."""
        if app.document is None or app.document.shown is None:
            return False
        if app.scenes.tool == "crop":
            self._crop.handle(app, app.document, corner, width)
        return self._placement.draw(app, app.document, corner, width, height) and not self._mouse.dragging

    def _draw_tabs(self, app: ViewerApp) -> None:
        if len(app.documents.all) < 2 or not imgui.begin_tab_bar("documents", imgui.TabBarFlags_.draw_selected_overline):
            return
        for index, document in enumerate(list(app.documents.all)):
            bring_forward = index == app.documents.active_index and self._front is not document
            flags = imgui.TabItemFlags_.set_selected if bring_forward else 0
            selected, stays_open = imgui.begin_tab_item(f"{document.title}###{id(document)}", True, flags)
            if imgui.is_item_hovered():
                imgui.set_tooltip(str(document.path))
            if imgui.is_item_clicked():
                app.documents.show(index)
            if selected:
                imgui.end_tab_item()
            if not stays_open:
                app.documents.close(index)
                break
        imgui.end_tab_bar()
        self._front = app.document

    _front: object = None

    def _draw_image(self, app: ViewerApp, corner: ImVec2, width: int, height: int) -> None:
        document, presenter = app.document, self.presenter
        damage = "" if document is None else document.damage_at(document.playback.time)
        if document is None or document.shown is None or presenter is None or damage:
            self._draw_notice(app, corner, width, height, damage)
            return
        app.viewport.depth_at = partial(self.display.depth_at, presenter)
        begin = time.perf_counter()
        options = self._upload(app, presenter)
        overlay = self._overlays.lines(app, document, width / app.viewport.size[0])
        presenter.present(*app.viewport.size, options)
        presenter.show(presenter.context.screen, pixel_corner(corner, height), overlay)  # ImGui draws over it later
        app.statistics.present_ms = (time.perf_counter() - begin) * 1000
        draw, end = imgui.get_window_draw_list(), ImVec2(corner.x + width, corner.y + height)
        draw.push_clip_rect(corner, end, True)
        self._overlays.draw_labels(app, document, corner, width / app.viewport.size[0], overlay)
        draw_comparison(app, corner, width, height)
        if legend := self._legend_shown(app):
            draw_legend(app.settings.view.color_map, legend, corner, height)
        if app.scenes.tool == "crop":
            self._crop.draw(app, document, corner, width)
        if gizmo_fits(width, height):
            self._gizmo.draw(document, corner, width)
        draw.pop_clip_rect()

    def _upload(self, app: ViewerApp, presenter: Presenter) -> PresentOptions:
        options = present_options(app)
        self.display.follow(app.rendering.renderer, app.document)
        sources = [app.document.shown if app.document is not None else None]
        sources.append(
            app.compare.view_renderer.shown if app.compare.active and app.compare.view_renderer is not None else None
        )
        for slot, result in enumerate(sources):
            key = None if result is None else (app.settings.view.pixels_key, result)
            if result is None:
                presenter.forget(slot)
                self._uploaded.pop(slot, None)
            elif app.settings.view.mode == "color" and self._uploaded.get(slot) != key:
                self._upload_colors(app, presenter, slot, result)
                self._uploaded[slot] = key
            self._upload_made(app, presenter, slot, key)
        app.viewport.making_pixels = any(work.busy for work in self._making.values())
        presenter.set_color_map(app.settings.view.color_map, color_table(app.settings.view.color_map))
        if self._legend is not None:
            options.value_range = (self._legend.low, self._legend.high)
        return options

    def _upload_colors(self, app: ViewerApp, presenter: Presenter, slot: int, result: ViewResult) -> None:
        assert result.image is not None
        self.display.show(presenter, slot, result.image)
        if notice := self.display.take_notice():
            app.messages.set_status(notice)
        if slot == 0:
            self._legend = None

    def _upload_made(self, app: ViewerApp, presenter: Presenter, slot: int, wanted: _Key | None) -> None:
        # Computing normals or heads of a large image takes longer than a frame of the window, so a thread does it.
        work = self._making.setdefault(slot, LatestTask(f"view {slot}", app.redraw.notify))
        if wanted is not None and self._uploaded.get(slot) != wanted:
            work.submit(wanted, partial(_make, wanted[1], replace(app.settings.view)))
        try:
            made = work.poll()
        except Exception as error:  # of any kind: it is shown once, and the previous picture stays
            app.messages.show_exception(error, f"Cannot show {VIEWS[app.settings.view.mode].value}")
            self._uploaded[slot] = wanted
            return
        if made is None or wanted is None or made[0][0] != wanted[0]:
            return
        self._uploaded[slot] = made[0]
        legend, pixels = made[1]
        if pixels is None:
            self.display.show_mode(presenter, slot, made[0][1], app.settings.view)
        else:
            presenter.upload(slot, pixels[0].pixels)
            presenter.changed_slot(slot).upload_surface(pixels[1])
        if slot == 0:
            self._legend = legend

    def _forget_images(self) -> None:
        """Let the images of closed documents be freed."""
        for slot in self._uploaded:
            if self.presenter is not None:
                self.presenter.forget(slot)
        self._uploaded.clear()
        for work in self._making.values():
            work.close(wait=False)
        self._making.clear()
        self._overlays.forget()
        self.display.follow(None, None)
        self._front = self._legend = None

    def open(self, app: ViewerApp, context: moderngl.Context) -> None:
        """Begin to draw with the window's OpenGL context, and adapt the app's renderers to it."""
        self.presenter = Presenter(context, GlfwLoader().load_opengl_function)
        contexts = self.display.contexts = SharedContexts(context)
        app.rendering.largest_side = min(MAX_IMAGE_SIDE, int(context.info["GL_MAX_TEXTURE_SIZE"]))
        app.rendering.follow_window(lambda renderer: follow_window(renderer, contexts))

    def close(self, app: ViewerApp) -> None:
        """End its threads, and release everything while the context exists."""
        for work in self._making.values():
            work.close()
        self._making.clear()
        self._overlays.close()
        app.rendering.follow_window(lambda renderer: "")
        self.display.release()
        if self.presenter is not None:
            self.presenter.release()
        self.presenter = None

    def _legend_shown(self, app: ViewerApp) -> Legend | None:
        difference = app.compare.mode is Comparison.DIFFERENCE and app.compare.active
        return Legend("Largest difference of a channel", 0.0, 1.0 / app.compare.gain) if difference else self._legend

    def _draw_notice(self, app: ViewerApp, corner: ImVec2, width: int, height: int, damage: str) -> None:
        text = damage or ("Opening ..." if app.documents.loader.loading else "Rendering ...")
        if app.document is None and app.documents.awaited:
            text = f"Waiting for the first checkpoint of {app.documents.awaited[-1].name} ..."
        size = imgui.calc_text_size(text)
        place = ImVec2(corner.x + (width - size.x) / 2, corner.y + (height - size.y) / 2)
        imgui.get_window_draw_list().add_text(place, imgui.get_color_u32(imgui.Col_.text_disabled), text)


def _make(result: ViewResult, display: DisplaySettings) -> _Made:
    assert result.image is not None
    if in_textures(result.image):
        return view_legend(VIEWS[display.mode], result.image, display.value_range), None
    pixels = shown_pixels(result, display)
    return pixels.legend, (pixels, surface_depth(result.image))


def pixel_corner(corner: ImVec2, height: int) -> tuple[int, int]:
    """Return the lower left corner of a part of the window, pixels from that of the window.

    Args:
        corner: its upper left corner, screen units.
        height: its height, screen units.
    """
    window, ratio = imgui.get_main_viewport(), imgui.get_io().display_framebuffer_scale
    left, below = corner.x - window.pos.x, window.size.y - (corner.y - window.pos.y) - height
    return round(left * ratio.x), round(below * ratio.y)


@contextlib.contextmanager
def drawn_later() -> Iterator[Callable[[], None]]:
    """Draw what comes first in front of what comes after the call of the returned function."""
    draw = imgui.get_window_draw_list()
    draw.channels_split(2)
    draw.channels_set_current(1)
    try:
        yield lambda: draw.channels_set_current(0)
    finally:
        draw.channels_merge()


def present_options(app: ViewerApp) -> PresentOptions:
    """Return the options of present.frag from the app's state."""
    return PresentOptions(
        display=app.settings.view,
        comparison=app.compare.mode if app.compare.active else Comparison.NONE,
        divider=app.compare.divider,
        difference_gain=app.compare.gain,
        behind=None if app.document is None else app.backgrounds.behind(app.settings.view, app.document),
    )
