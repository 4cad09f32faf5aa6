"""The server: one thread that updates all visitors, and that watches the file."""

from __future__ import annotations

import logging
import math
import threading
import time
import warnings
from typing import Any

from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.app.files import BundleLoader, FileWatch, Stamp
from viewer.app.places import Place
from viewer.picture.background_image import BackgroundImage
from viewer.serve.damage import DamageNotes
from viewer.serve.events import Call
from viewer.serve.session import Session
from viewer.serve.shared_frames import SharedFrames
from viewer.settings import Settings

_log = logging.getLogger(__name__)

MAX_VISITORS = 16
"""Most visitors at a time. Each has a thread."""

WATCH_SECONDS = 1.0
"""Time between two checks of the file."""


class VideoServer:
    """Shows a video to the browsers that viser connects. A changed file, and a new checkpoint of a training run, is shown.

    Args:
        viser: the running viser server.
        place: where the video is from.
        video: the video.
        renderer: the backend.
        settings: how videos start, quality and cache.
        stamp: state of the file before it was read; None does not watch it.
        call: calls a function where viser may be used.
        background: the picture or panorama that the settings name; None for none.
    """

    def __init__(
        self,
        viser: Any,
        place: Place,
        video: VolumetricVideo,
        renderer: Renderer,
        settings: Settings,
        stamp: Stamp,
        call: Call,
        background: BackgroundImage | None = None,
    ) -> None:
        self.sessions: dict[int, Session] = {}
        """The browsers by viser's number. Only the server's thread changes it."""
        self.error: Exception | None = None
        """Why the newest version of the file could not be read; None after a success."""
        self._viser, self._place, self._renderer, self._settings = viser, place, renderer, settings
        self._frames = self._share(video)
        self._changed = threading.Event()
        self._loader, self._watch, self._stamp = BundleLoader(self._changed.set), FileWatch(), stamp
        self._damage = DamageNotes()
        self._closing = False
        self._waiting: set[int] = set()  # browsers that were not let in
        self._call, self._background = call, background
        up = tuple(map(float, video.metadata.up))
        call(lambda: viser.gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False))
        call(lambda: viser.scene.set_up_direction(up))

    @property
    def frames(self) -> SharedFrames:
        """The decoded frames."""
        return self._frames

    def run(self) -> None:
        """Serve until `close` is called from another thread."""
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Queued a")  # viser's, about messages to browsers that have just left
                while not self._closing:
                    self._changed.clear()
                    self.update()
                    self._changed.wait(min(WATCH_SECONDS, *(s.seconds_to_next() for s in self.sessions.values()), math.inf))
        finally:
            for session in self.sessions.values():
                session.close()
            self._viser.stop()
            self._frames.close()

    def update(self) -> None:
        """Let in new browsers, read a changed file, and update all visitors."""
        self._meet()
        self._reload()
        for session in self.sessions.values():
            session.update(time.monotonic())
        for text in self._damage.new(self._frames.video):
            _log.warning("%s: %s", self._place.name, text)

    def close(self) -> None:
        """Make `run` return soon; may be called from any thread."""
        self._closing = True
        self._changed.set()

    def wake(self) -> None:
        """Make the server's thread update all visitors soon."""
        self._changed.set()

    def _share(self, video: VolumetricVideo) -> SharedFrames:
        mebibytes = self._settings.rendering.cache_mebibytes
        return SharedFrames(self._renderer, video, None if mebibytes is None else mebibytes << 20)

    def _meet(self) -> None:
        """Let in the browsers that came, and forget those that left."""
        clients = self._viser.get_clients()
        self._waiting &= clients.keys()
        for number in [number for number in self.sessions if number not in clients]:
            _end(self.sessions.pop(number))
        for number, client in clients.items():
            if number in self.sessions or number in self._waiting:
                continue
            if len(self.sessions) >= MAX_VISITORS:
                self._waiting.add(number)
                self._notify(client, "Too many visitors", f"At most {MAX_VISITORS} can connect at a time. Try again later.")
                continue
            try:
                self.sessions[number] = self._new_session(client)
            except Exception as error:  # one browser's fault must not end the others' sessions
                self._waiting.add(number)
                _log.warning("visitor %d could not be connected: %r", number, error, exc_info=error)

    def _new_session(self, client: Any) -> Session:
        return Session(client, self._frames, self._settings, self._place.stem, self.wake, self._call, self._background)

    def _notify(self, client: Any, title: str, text: str) -> None:
        self._call(lambda: client.add_notification(title, text, color="red"))

    def _reload(self) -> None:
        if self._stamp is not None and self._watch.changed({self._place: self._stamp}):
            self._loader.load(self._place, again=True)
        for _, outcome, stamp in self._loader.take():
            self._stamp = stamp
            self.error = outcome if isinstance(outcome, Exception) else None
            if isinstance(outcome, Exception):
                for session in self.sessions.values():
                    self._notify(session.client, "Cannot read the new version", str(outcome))
                continue
            before, self._frames, self._damage = self._frames, self._share(outcome), DamageNotes()
            for session in self.sessions.values():
                session.replace_frames(self._frames)
            before.close()


def _end(session: Session) -> None:
    """Close a session on another thread: a frame that is being decoded is finished first, and the others do not wait for it."""
    threading.Thread(target=session.close, name="end of a visit", daemon=True).start()
