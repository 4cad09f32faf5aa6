"""The maps panel: the maps of the current frame as pictures."""

from __future__ import annotations

import threading

from imgui_bundle import ImVec2, imgui

from model.video import VolumetricVideo
from viewer.app import ViewerApp
from viewer.gl import ImageTextures
from viewer.map_images import MapImage, map_images
from viewer.panels.widgets import em


class MapsPanel:
    """Decodes the frame that is due on a thread of its own while the panel is visible, and shows its maps."""

    title = "Maps"

    def __init__(self) -> None:
        self.textures: ImageTextures | None = None
        """Set as soon as there is an OpenGL context."""
        self._images: list[MapImage] = []
        self._key: tuple[object, float] | None = None
        self._thread: threading.Thread | None = None

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        if document is None or self.textures is None:
            imgui.text_disabled("No video is open.")
            return
        key = (document.video, float(document.playback.frame))
        if self._key != key and (self._thread is None or not self._thread.is_alive()):
            self._key = key
            self._thread = threading.Thread(target=self._decode, args=(app, *key), daemon=True)
            self._thread.start()
        imgui.text_wrapped("Alike colors: alike parameters. First coordinate of the plane to the right, second upwards.")
        self._draw_images()

    def _decode(self, app: ViewerApp, video: VolumetricVideo, time: float) -> None:
        self._images = map_images(video.decode(time))
        app.notify()

    def _draw_images(self) -> None:
        images = self._images
        size = max(em(3), (imgui.get_content_region_avail().x - em(1.5)) / 3)
        for kind in dict.fromkeys(image.kind for image in images):
            imgui.separator_text(kind)
            for index, image in enumerate(i for i in images if i.kind == kind):
                if index:
                    imgui.same_line(0, em(0.4))
                self._draw_image(image, size)

    def _draw_image(self, image: MapImage, size: float) -> None:
        assert self.textures is not None
        texture = self.textures.get(f"{image.kind} {image.plane}", id(image), lambda: image.pixels)
        imgui.begin_group()
        corner = imgui.get_cursor_screen_pos()
        imgui.invisible_button(f"image {image.kind} {image.plane}", ImVec2(size, size))
        end = ImVec2(corner.x + size, corner.y + size)
        imgui.get_window_draw_list().add_image(texture, corner, end)
        if imgui.is_item_hovered():
            height, width = image.pixels.shape[:2]
            imgui.set_tooltip(f"{image.kind} map of the {image.plane} plane, {width} x {height}")
        imgui.text_disabled(image.plane)
        imgui.end_group()
