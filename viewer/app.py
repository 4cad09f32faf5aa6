"""The state of the window and what happens in it from one frame of the screen to the next; draws nothing itself."""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable
from pathlib import Path

from model.errors import InputError
from model.video import VolumetricVideo
from renderer.backend import Renderer, RenderSettings
from viewer.app_document import Document
from viewer.presenter import PresentOptions
from viewer.render_worker import ViewResult

CACHE_BYTES = 1 << 30
"""Memory budget of a document's decoded frames."""


class ViewerApp:
    """Open documents, what is shown of them, and what the user has to be told.

    Args:
        renderer: what renders.
        wake: ends the window's sleep; called from any thread.
    """

    def __init__(self, renderer: Renderer, wake: Callable[[], None] = lambda: None) -> None:
        self.renderer = renderer
        self.wake = wake
        self.documents: list[Document] = []
        self.active_index = 0
        self.present = PresentOptions()
        self.render_settings = RenderSettings()
        self.view_size = (640, 480)
        """Pixels of the view, set by its panel."""
        self.moving_scale = 0.25
        self.still_scale = 1.0
        self.errors: list[str] = []
        """Faults to show as dialogs, oldest first."""
        self.message = ""
        """What the status bar says."""
        self.redraws_left = 3
        """Frames still to be drawn before the window may sleep."""
        self.new_results: list[ViewResult] = []
        """Images that arrived this frame."""
        self._last_motion = 0.0
        self._loaded: list[tuple[Path, VolumetricVideo | Exception]] = []
        self._loading: set[Path] = set()

    @property
    def document(self) -> Document | None:
        """The one in the front tab; None while nothing is open."""
        return self.documents[self.active_index] if self.documents else None

    @property
    def loading(self) -> list[Path]:
        """Bundles that are being read."""
        return sorted(self._loading)

    def open(self, path: Path) -> None:
        """Read a bundle in the background and show it in a new tab, or bring the tab forward that has it already."""
        path = path.absolute()
        for index, document in enumerate(self.documents):
            if document.path == path:
                self.active_index = index
                return
        if path not in self._loading:
            self._loading.add(path)
            threading.Thread(target=self._load, args=(path,), name="open", daemon=True).start()

    def add(self, path: Path, video: VolumetricVideo) -> Document:
        """Show a video in a new tab."""
        document = Document(path, video, self.renderer, CACHE_BYTES, self.wake)
        self.documents.append(document)
        self.active_index = len(self.documents) - 1
        self.redraw()
        return document

    def close_document(self, index: int) -> None:
        """Close a tab."""
        self.documents.pop(index).close()
        self.active_index = max(0, min(self.active_index, len(self.documents) - 1))
        self.redraw()

    def close(self) -> None:
        """End all threads."""
        while self.documents:
            self.close_document(0)

    def report(self, error: Exception) -> None:
        """Show a fault as a dialog."""
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        if text not in self.errors:
            self.errors.append(text)
        self.redraw()

    def redraw(self, frames: int = 3) -> None:
        """Draw at least this many frames more before the window sleeps."""
        self.redraws_left = max(self.redraws_left, frames)

    def note_motion(self) -> None:
        """The user moves the camera now; coarse images until it rests."""
        self._last_motion = clock.monotonic()
        self.redraw()

    @property
    def moving(self) -> bool:
        """Whether something moves, so that the next image counts more than a fine one."""
        document = self.document
        playing = document is not None and document.playback.playing
        return playing or clock.monotonic() - self._last_motion < 0.2

    @property
    def sleeps(self) -> bool:
        """Whether nothing will change on screen until an event comes."""
        return self.redraws_left <= 0 and not self.moving and not self._loading

    def update(self, seconds: float) -> None:
        """Let `seconds` pass: move the clock, take what was rendered, ask for what is to be seen next."""
        self.redraws_left -= 1
        self._take_loaded()
        document = self.document
        if document is None:
            self.new_results = []
            return
        document.playback.advance(seconds)
        self.new_results = document.take_results()
        if self.new_results:
            self.redraw(2)
        camera = document.camera.to_camera(*self.view_size)
        document.request(camera, self.render_settings, self.moving_scale, self.still_scale, self.moving)

    def _load(self, path: Path) -> None:
        from model.bundle import read_bundle  # noqa: PLC0415 - the window starts without it

        try:
            outcome: VolumetricVideo | Exception = read_bundle(path)
        except Exception as error:  # shown as a dialog
            outcome = error
        self._loaded.append((path, outcome))
        self.wake()

    def _take_loaded(self) -> None:
        while self._loaded:
            path, outcome = self._loaded.pop(0)
            self._loading.discard(path)
            if isinstance(outcome, Exception):
                self.report(outcome)
            else:
                self.add(path, outcome)
