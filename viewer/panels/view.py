"""The view: the presented image, and the mouse in it."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.app import ViewerApp
from viewer.panels.view_mouse import ViewMouse
from viewer.presenter import Presenter


class ViewPanel:
    """Shows the front document and lets the mouse move its camera."""

    title = "View"

    def __init__(self) -> None:
        self._presenter: Presenter | None = None
        self._mouse = ViewMouse()

    def start(self, presenter: Presenter) -> None:
        """Take over what presents; the OpenGL context exists from now on."""
        self._presenter = presenter

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        size = imgui.get_content_region_avail()
        scale = imgui.get_io().display_framebuffer_scale
        width, height = max(8, int(size.x)), max(8, int(size.y))
        app.view_size = max(8, round(width * scale.x)), max(8, round(height * scale.y))
        corner = imgui.get_cursor_screen_pos()
        flags = imgui.ButtonFlags_.mouse_button_left | imgui.ButtonFlags_.mouse_button_right
        imgui.invisible_button("###view", ImVec2(width, height), flags | imgui.ButtonFlags_.mouse_button_middle)
        self._mouse.handle(app, corner, width, height)
        self._draw_image(app, corner, width, height)

    def _draw_image(self, app: ViewerApp, corner: ImVec2, width: int, height: int) -> None:
        document, presenter = app.document, self._presenter
        if document is None or document.shown is None or presenter is None:
            self._draw_notice(app, corner, width, height)
            return
        if app.new_results or not presenter.has_image(0):
            image = document.shown.image
            if image is not None:
                presenter.upload(0, image.rgba)
        texture = presenter.present(*app.view_size, app.present)
        end = ImVec2(corner.x + width, corner.y + height)
        imgui.get_window_draw_list().add_image(imgui.ImTextureRef(texture), corner, end, ImVec2(0, 1), ImVec2(1, 0))

    def _draw_notice(self, app: ViewerApp, corner: ImVec2, width: int, height: int) -> None:
        text = "Opening ..." if app.loading else "Rendering ..." if app.document else "Drop a .mlpvid file here"
        size = imgui.calc_text_size(text)
        place = ImVec2(corner.x + (width - size.x) / 2, corner.y + (height - size.y) / 2)
        imgui.get_window_draw_list().add_text(place, imgui.get_color_u32(imgui.Col_.text_disabled), text)
