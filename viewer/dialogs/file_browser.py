"""A file browser in the window, for systems without file dialogs: ImFileDialog."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imgui_bundle import ImVec2, im_file_dialog, imgui

from viewer.widgets.controls import em

WIDTH, HEIGHT = 46.0, 30.0
"""Size of the browser when it opens, text heights."""


class FileBrowser:
    """Asks for one file at a time."""

    def __init__(self) -> None:
        self._shown = ""
        self._sized = self._closing = False

    def draw(self, name: str, title: str, filters: tuple[str, ...], saving: bool, folder: Path) -> str | None:
        """Draw the browser.

        Args:
            name: stable name of the prompt.
            title: title of the browser.
            filters: names and patterns of files, alternating.
            saving: whether the file will be written. The browser also returns files that exist.
            folder: where it starts.

        Returns:
            The chosen path, an empty string if the user cancelled, or None while the browser is open.
        """
        dialog, room = im_file_dialog.FileDialog.instance(), imgui.get_main_viewport().work_size
        if self._shown != name:
            self._shown = name
            self._sized = False
            if saving:
                dialog.save(name, title, patterns(filters), str(folder))
            else:
                dialog.open(name, title, patterns(filters), False, str(folder))
        if not dialog.is_done(name):
            window = f"{title}###{name}"
            size = ImVec2(min(em(WIDTH), 0.98 * room.x), min(em(HEIGHT), 0.98 * room.y))
            if not self._sized and imgui.internal.find_window_by_name(window) is not None:
                imgui.set_window_size(window, size)
                self._sized = True
            if imgui.is_key_pressed(imgui.Key.escape):
                self._close()
                return ""
            return None
        answer = str(dialog.get_result()) if dialog.has_result() else ""
        self._close()
        return answer

    def follow(self, opened: Iterable[str]) -> None:
        """Close the browser if its prompt was closed. Call this in each frame, before `draw`."""
        if self._closing:
            self._closing = False
            im_file_dialog.FileDialog.instance().close()
        if self._shown and self._shown not in opened:
            im_file_dialog.FileDialog.instance().close()
            self._shown = ""

    def _close(self) -> None:
        # Closing deletes the textures of the icons, which this frame still draws. The next frame does it.
        self._shown, self._closing = "", True


def patterns(filters: tuple[str, ...]) -> str:
    """Return the filters as ImFileDialog writes them: "Camera path (*.json){.json},.*"."""
    named = zip(filters[::2], filters[1::2], strict=True)
    return ",".join(".*" if pattern == "*" else f"{label} ({pattern}){{{pattern[1:]}}}" for label, pattern in named)
