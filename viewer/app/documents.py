"""The open documents: open, show, reload and close them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from common.memory import return_free_memory
from common.streaming.address import Address
from model.run.files import is_run
from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.app.defaults import Choices, apply_defaults, choices_of, remember_changes
from viewer.app.document import Document
from viewer.app.faults import CHECK_FILE, cannot_open
from viewer.app.files import BundleLoader, FileWatch, LogWatch, Stamp, file_stamp
from viewer.app.messages import Messages
from viewer.app.places import Place
from viewer.app.redraw import Redraw
from viewer.app.rendering import Rendering
from viewer.app.scene_file import Entry
from viewer.settings import Settings

_RETURN_AFTER = 1.0
"""Seconds between closing a tab and giving its memory back to the system."""


class Documents:
    """The tabs of the window and the files behind them.

    Args:
        settings: defaults of new documents; they remember the files and what the user changes in a document.
        rendering: renderer and memory budget of the documents.
        messages: shows errors.
        redraw: notified when there is something new to show.
        on_close: called after a document has left the list.
    """

    def __init__(
        self, settings: Settings, rendering: Rendering, messages: Messages, redraw: Redraw, on_close: Callable[[], None]
    ) -> None:
        self._settings, self._rendering, self._messages, self._redraw = settings, rendering, messages, redraw
        self._on_close = on_close
        self.all: list[Document] = []
        """Open documents, in the order of their tabs."""
        self.active_index = 0
        """Index of the document in the front tab."""
        self.loader = BundleLoader(redraw.notify)
        self.open_address: Callable[[Address], None] = self.loader.load
        """Starts to read a video from a server."""
        self.awaited: list[Path] = []
        """Folders of runs that have no checkpoint yet."""
        self._watch, self._logs = FileWatch(), LogWatch()
        self._choices: dict[Document, Choices] = {}

    @property
    def front(self) -> Document | None:
        """The document in the front tab; None while nothing is open."""
        return self.all[self.active_index] if self.all else None

    def front_video(self) -> VolumetricVideo | None:
        """Return the video in the front tab; None while nothing is open."""
        return self.front.video if self.front is not None else None

    def video_of(self, document: Document) -> VolumetricVideo | None:
        """Return the video that a tab shows now; None after the tab was closed."""
        return document.video if document in self.all else None

    def open(self, path: Place, entries: Sequence[tuple[Place, Entry]] = ()) -> None:
        """Read a bundle, a run or an address in the background and show it in a new tab; show its tab if it has one already.

        A run that has no checkpoint yet is read as soon as it has one.

        Args:
            path: what to read.
            entries: videos of a scene that is shown under this name, and read instead.
        """
        path = _absolute(path)
        for index, document in enumerate(self.all):
            if document.path == path:
                self.show(index)
                return
        if entries:
            self.loader.load(path, entries=entries)
        elif isinstance(path, Address):
            self.open_address(path)
        elif is_run(path) and file_stamp(path) is None:
            self.awaited = list(dict.fromkeys([*self.awaited, path]))
            self._messages.set_status(f"{path.name} has no checkpoint yet; it will open when it has one")
        else:
            self.loader.load(path)

    def add(self, path: Place, video: VolumetricVideo, frame: float | None = None, stamp: Stamp = None) -> Document:
        """Show a video in a new tab.

        Args:
            path: where it was read from.
            video: its content.
            frame: frame index to show, without playing; None starts at 0 and plays if the settings say so.
            stamp: state of the file before it was read; default: its current one.
        """
        self.remember_choices()
        rendering = self._rendering
        document = Document(
            _absolute(path), video, rendering.renderer, rendering.cache_bytes, self._redraw.image_arrived, stamp
        )
        apply_defaults(document, self._settings)
        clock = document.playback
        if frame is not None:
            clock.sub_frame = clock.sub_frame or frame % 1 != 0
            clock.seek(frame)
        elif self._settings.playback.autoplay and video.num_frames > 1:
            clock.play()
        self._settings.remember_file(str(document.path))
        self.all.append(document)
        self._choices[document] = choices_of(document)
        self.show(len(self.all) - 1)
        return document

    def show(self, index: int) -> None:
        """Bring a tab to the front; indices beyond the last one start again at the first."""
        self.active_index = index % len(self.all) if self.all else 0
        self._rendering.resolution.restart()
        self._redraw.request()

    def close(self, index: int) -> None:
        """Close a tab."""
        self.remember_choices()
        document = self.all.pop(index)
        del self._choices[document]
        self.show(max(0, min(self.active_index - (index < self.active_index), len(self.all) - 1)))
        self._on_close()
        document.close()
        self._return_memory_soon()

    def _return_memory_soon(self) -> None:
        # Later, when nothing refers to the closed video. On a thread of its own, because it may take some milliseconds.
        timer = threading.Timer(_RETURN_AFTER, return_free_memory)
        timer.daemon = True
        with contextlib.suppress(RuntimeError):  # no thread can start: the memory is given back with the next video
            timer.start()

    def reload(self, document: Document) -> None:
        """Read a document's bundle again."""
        document.stamp = file_stamp(document.path)
        if isinstance(document.path, Address):
            self.open_address(document.path)
        else:
            self.loader.load(document.path, again=True)

    def reload_changed(self) -> None:
        """Read the bundles and runs again that changed on disk, and redraw when training has written something."""
        for path in [path for path in self.awaited if file_stamp(path) is not None]:
            self.awaited.remove(path)
            self.loader.load(path)
        if self._logs.grown([*self.awaited, *(document.path for document in self.all)]):
            self._redraw.request()
        reading = self.loader.loading
        watched = {document.path: document for document in self.all if document.path not in reading}
        for place in self._watch.changed({path: document.stamp for path, document in watched.items()}):
            self._messages.set_status(f"{place.name} changed on disk and was reloaded")
            self.reload(watched[place])

    def show_loaded(self) -> None:
        """Show the bundles that were read since the last call, and the errors of those that cannot be."""
        for path, outcome, stamp in self.loader.take():
            known = next((d for d in self.all if d.path == path), None)
            if isinstance(outcome, Exception):
                if known is None:  # an open file stays in the recent files: it may be readable again the next time
                    self._settings.forget_file(str(path))
                self._messages.show_exception(outcome, cannot_open(str(path)), CHECK_FILE)
            elif known is not None:
                known.replace_video(outcome, stamp)
            else:
                self.add(path, outcome, stamp=stamp)
            self._redraw.request()

    def replace_renderer(self, renderer: Renderer) -> None:
        """Render all documents with another backend."""
        for document in self.all:
            document.replace_renderer(renderer)
        self._redraw.request()

    def remember_choices(self) -> None:
        """Make what the user changed in a document since the last call the default of new documents."""
        for document, before in list(self._choices.items()):
            now = choices_of(document)
            if now != before:
                remember_changes(self._settings, before, now)
                self._choices[document] = now


def _absolute(path: Place) -> Place:
    return path.absolute() if isinstance(path, Path) else path
