"""The picture or panorama behind the view, read in the background."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from renderer.ground_shadow import GroundShadow
from viewer.app.document import Document
from viewer.app.faults import CHECK_FILE, cannot_open
from viewer.app.messages import Messages
from viewer.app.redraw import Redraw
from viewer.picture.backdrop import Backdrop
from viewer.picture.background_image import BackgroundImage, read_background
from viewer.settings import DisplaySettings
from viewer.work.latest_task import LatestTask


class Backgrounds:
    """Reads the file that the settings name, and says what is behind the image on screen.

    Args:
        messages: shows errors.
        redraw: notified when the file was read.
    """

    def __init__(self, messages: Messages, redraw: Redraw) -> None:
        self._messages, self._redraw = messages, redraw
        self._reading: LatestTask[str, BackgroundImage] = LatestTask("background", redraw.notify)
        self._read: tuple[str, BackgroundImage] | None = None

    def update(self, view: DisplaySettings) -> None:
        """Read the file if it is needed and not read yet. If that fails, a dialog says so and the background is a color."""
        if view.has_image and (self._read is None or self._read[0] != view.background_file):
            self._reading.submit(view.background_file, partial(read_background, Path(view.background_file)))
        try:
            read = self._reading.poll()
        except Exception as error:  # of any kind: images are not trusted
            self._messages.show_exception(error, cannot_open(view.background_file), CHECK_FILE)
            view.background, view.background_file = "color", ""
            return
        if read is not None:
            self._read = read
            self._redraw.request()

    def image(self, view: DisplaySettings) -> BackgroundImage | None:
        """Return the picture or the panorama; None if there is none or while it is being read."""
        if not view.has_image or self._read is None or self._read[0] != view.background_file:
            return None
        return self._read[1]

    def behind(self, view: DisplaySettings, document: Document) -> Backdrop | None:
        """Return what is behind the image on screen; None for plain backgrounds without a shadow."""
        image, shown = self.image(view), document.shown
        shadow: GroundShadow | None = shown.shadow if shown is not None and view.has_shadow else None
        if shown is None or (image is None and shadow is None):
            return None
        x, y, z = document.camera.up.tolist()
        return Backdrop(shown.request.camera, (x, y, z), image, shadow)

    def close(self) -> None:
        """End the thread."""
        self._reading.close()
