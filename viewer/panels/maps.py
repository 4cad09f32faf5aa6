"""The section Maps: the maps of the current frame as images."""

from __future__ import annotations

import weakref

from imgui_bundle import ImVec2, imgui

from model.scene import Scene
from model.video import VolumetricVideo
from viewer.app.app import ViewerApp
from viewer.gl.context import ImageTextures
from viewer.picture.map_images import MapImage, map_images
from viewer.widgets.controls import em
from viewer.work.latest_task import LatestTask

_Key = tuple["weakref.ref[VolumetricVideo]", float]  # the video, which may be closed meanwhile, and the frame's index


class MapsPanel:
    """Decodes the current frame on its own thread while the panel is visible, and shows its maps."""

    title = "Maps"

    def __init__(self) -> None:
        self.textures: ImageTextures | None = None
        """Set as soon as there is an OpenGL context."""
        self._images: list[MapImage] = []
        self._requested: _Key | None = None
        self._decoding: LatestTask[_Key, list[MapImage]] | None = None

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        if document is None or self.textures is None:
            imgui.text_disabled("No video is open.")
            return
        if not document.video.has_maps:
            of_scene = "A scene has no maps of its own. Open one of its videos."
            imgui.text_wrapped(of_scene if isinstance(document.video, Scene) else "The method of this video has no maps.")
            return
        self._follow(app, document.video, float(document.playback.frame))
        imgui.text_wrapped("Similar colors mean similar parameters. The plane's first axis points right, its second up.")
        self._draw_images()

    def close(self) -> None:
        """End its thread."""
        if self._decoding is not None:
            self._decoding.close()

    def _follow(self, app: ViewerApp, video: VolumetricVideo, frame: float) -> None:
        key = weakref.ref(video), frame
        if self._decoding is None:
            self._decoding = LatestTask("maps", app.redraw.notify)
        if key != self._requested:
            self._requested = key
            self._decoding.submit(key, lambda: map_images(video.decode(frame)))
        try:
            decoded = self._decoding.poll()
        except Exception as error:  # a dialog shows it; the previous maps stay
            app.messages.show_exception(error, "Cannot show the maps")
            return
        if decoded is not None:
            self._images = decoded[1]

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
