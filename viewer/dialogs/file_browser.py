"""A file browser in the window, for systems without file dialogs."""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgui_bundle import ImVec2, imgui

from viewer.dialogs.modal import NARROW
from viewer.widgets.controls import button, em, tooltip

WIDTH, HEIGHT = 46.0, 30.0
"""Size of the browser when it opens, text heights."""

FILTER_WIDTH = 10.5
"""Width of the list of filters, text heights."""

MAX_ENTRIES = 5_000
"""Largest number of files that are listed. The path of any other one can be typed."""

_REFRESH_SECONDS = 1.0
_UNITS = ("bytes", "KB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Entry:
    """A file or folder."""

    name: str
    """Its name."""
    is_folder: bool
    """Whether it is a folder."""
    size: int = 0
    """Bytes of a file."""
    changed: float = 0.0
    """Time of the last change, seconds since 1970."""


class FileBrowser:
    """Asks for one file at a time."""

    def __init__(self) -> None:
        self._shown = ""
        self._folder = Path()
        self._text = ""
        self._pattern = 0
        self._listed: tuple[Path, float, list[Entry]] | None = None
        self._fault = self._missing = ""

    def draw(self, name: str, title: str, filters: tuple[str, ...], saving: bool, folder: Path) -> str | None:
        """Draw the browser.

        Args:
            name: stable name of the prompt.
            title: title of the browser.
            filters: names and patterns of files, alternating. There may be several patterns, with spaces between them.
            saving: whether the file will be written. The browser also returns files that exist.
            folder: where it starts.

        Returns:
            The chosen path, an empty string if the user cancelled, or None while the browser is open.
        """
        if self._shown != name:
            self._shown, self._folder, self._text, self._pattern, self._listed = name, Path(folder).absolute(), "", 0, None
        room = imgui.get_main_viewport()
        imgui.set_next_window_pos(room.get_work_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
        size = ImVec2(min(em(WIDTH), room.work_size.x), min(em(HEIGHT), room.work_size.y))
        imgui.set_next_window_size(size, imgui.Cond_.appearing)
        flags = imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_collapse | imgui.WindowFlags_.no_saved_settings
        visible, opened = imgui.begin(f"{title}###{name}", True, flags)
        answer = self._draw_content(filters, saving, title.split(maxsplit=1)[0]) if visible else None
        imgui.end()
        if not opened or imgui.is_key_pressed(imgui.Key.escape, False):
            answer = ""
        if answer is not None:
            self._shown = ""
        return answer

    def follow(self, opened: Iterable[str]) -> None:
        """Forget the prompt if it was closed. Call this in each frame, before `draw`."""
        if self._shown and self._shown not in opened:
            self._shown = ""

    def _draw_content(self, filters: tuple[str, ...], saving: bool, verb: str) -> str | None:
        self._draw_folder()
        pattern = filters[1::2][min(self._pattern, len(filters) // 2 - 1)] if filters else "*"
        chosen = self._draw_files(pattern)
        answer = self._draw_answer(filters, saving, verb)
        return self._accept(chosen, saving) if answer is None and chosen else answer

    def _draw_folder(self) -> None:
        if button("Up", "Show the folder that this one is in."):
            self._enter(self._folder.parent)
        imgui.same_line()
        if button("Home", "Show your own folder."):
            self._enter(Path.home())
        imgui.same_line()
        imgui.set_next_item_width(-1)
        typed = imgui.InputTextFlags_.enter_returns_true
        entered, text = imgui.input_text("##folder", printable(str(self._folder)), typed)
        tooltip("The folder that is shown. Type another one and press Enter.")
        if entered and (folder := named_folder(text)):
            self._enter(folder)

    def _enter(self, folder: Path) -> None:
        self._folder, self._listed = folder, None

    def _draw_files(self, pattern: str) -> str:
        """Draw the list; return the name that was double-clicked, or chosen with the keyboard."""
        entries, chosen = self._entries(), ""
        lines = 1 + bool(self._missing and self._missing == self._text) + _is_narrow()
        height = -(lines * imgui.get_frame_height_with_spacing() + em(0.2))
        flags = imgui.TableFlags_.scroll_y | imgui.TableFlags_.row_bg | imgui.TableFlags_.borders_outer
        if not imgui.begin_table("files", 3, flags, ImVec2(0, height)):
            return chosen
        imgui.table_setup_scroll_freeze(0, 1)
        imgui.table_setup_column("Name", imgui.TableColumnFlags_.width_stretch)
        imgui.table_setup_column("Size", imgui.TableColumnFlags_.width_fixed, em(5))
        imgui.table_setup_column("Changed", imgui.TableColumnFlags_.width_fixed, em(8.5))
        imgui.table_headers_row()
        shown = [entry for entry in entries if entry.is_folder or matches(entry.name, pattern)]
        clipper = imgui.ListClipper()
        clipper.begin(len(shown))
        while clipper.step():
            for entry in shown[clipper.display_start : clipper.display_end]:
                chosen = self._draw_entry(entry) or chosen
        if not shown:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_disabled(self._fault or "No such files here.")
        imgui.end_table()
        return chosen

    def _draw_entry(self, entry: Entry) -> str:
        imgui.table_next_row()
        imgui.table_next_column()
        flags = imgui.SelectableFlags_.span_all_columns | imgui.SelectableFlags_.allow_double_click
        label = printable(entry.name) + ("/" if entry.is_folder else "")
        pressed, _ = imgui.selectable(f"{label}###{printable(entry.name)}", entry.name == self._text, flags)
        imgui.table_next_column()
        imgui.text_disabled("" if entry.is_folder else readable_size(entry.size))
        imgui.table_next_column()
        imgui.text_disabled(readable_time(entry.changed))
        if not pressed:
            return ""
        if not entry.is_folder:
            self._text = entry.name
        by_key = not (imgui.is_mouse_clicked(0) or imgui.is_mouse_released(0))
        return entry.name if by_key or imgui.is_mouse_double_clicked(0) else ""

    def _draw_answer(self, filters: tuple[str, ...], saving: bool, verb: str) -> str | None:
        """Draw the name, the filter and the buttons."""
        names, width = list(filters[::2]), em(6)
        spacing = imgui.get_style().item_spacing.x
        beside = 2 * (width + spacing) + (em(FILTER_WIDTH) + spacing if len(names) > 1 else 0.0)
        imgui.set_next_item_width(-1 if _is_narrow() else imgui.get_content_region_avail().x - beside)
        flags = imgui.InputTextFlags_.enter_returns_true
        entered, text = imgui.input_text("##file_input", printable(self._text), flags)
        tooltip("Name of the file, or any path.")
        if text != printable(self._text):  # a listed name may have bytes that are not text
            self._text = text
        if not _is_narrow():
            imgui.same_line()
        if len(names) > 1:
            imgui.set_next_item_width(em(FILTER_WIDTH))
            _, self._pattern = imgui.combo("##filter", min(self._pattern, len(names) - 1), names)
            tooltip("Which files are listed.")
            imgui.same_line()
        tip = "Write the file." if saving else "Use the chosen file, or show the chosen folder."
        pressed = button(verb, tip, bool(self._text.strip()), width=width)
        imgui.same_line()
        if button("Cancel", "Close this dialog.", width=width):
            return ""
        if self._missing and self._missing == self._text:
            imgui.text_wrapped(f"{printable(self._missing)}: no such file.")
        return self._accept(self._text, saving) if (entered or pressed) and self._text.strip() else None

    def _accept(self, text: str, saving: bool) -> str | None:
        """Return the path of a chosen file, or show a chosen folder."""
        path = self._folder / os.path.expanduser(text.strip())
        if os.path.isdir(path):  # False for names that no file can have, where Path.is_dir raises
            self._enter(path)
            self._text = ""
            return None
        self._missing = "" if saving or os.path.exists(path) else text
        return None if self._missing else str(path)

    def _entries(self) -> list[Entry]:
        """Return what is in the folder. It is listed again when it has changed, at most once a second."""
        now = time.monotonic()
        if self._listed is None or self._listed[0] != self._folder or now - self._listed[1] > _REFRESH_SECONDS:
            try:
                found, self._fault = list_folder(self._folder), ""
            except OSError as error:
                found, self._fault = [], f"The folder cannot be read ({error.strerror})."
            self._listed = self._folder, now, found
        return self._listed[2]


def _is_narrow() -> bool:
    """Return whether the name of the file needs a line of its own."""
    return bool(imgui.get_window_width() < em(NARROW))


def named_folder(text: str) -> Path | None:
    """Return the folder with a typed name, in which ~ is the home folder; None if there is no such folder."""
    path = os.path.expanduser(text.strip())
    return Path(path).absolute() if os.path.isdir(path) else None  # Path.is_dir raises for names that no file can have


def list_folder(folder: Path) -> list[Entry]:
    """Return the folders and then the files of a folder by name, without hidden ones, at most `MAX_ENTRIES`.

    Raises:
        OSError: the folder cannot be read.
    """
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith("."):
                continue
            try:
                status = entry.stat()
                entries.append(Entry(entry.name, entry.is_dir(), status.st_size, status.st_mtime))
            except OSError:  # a link that leads nowhere
                continue
            if len(entries) >= MAX_ENTRIES:
                break
    return sorted(entries, key=lambda entry: (not entry.is_folder, entry.name.lower()))


def readable_time(changed: float) -> str:
    """Return a time in seconds since 1970 as local date and time; "" if no calendar has it, as on some network drives."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(changed))
    except (OSError, OverflowError, ValueError):
        return ""


def readable_size(count: int) -> str:
    """Return a number of bytes in the unit that leaves at most three digits before the point: "1.5 MB"."""
    unit = 0
    value = float(count)
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.95 else f"{value:.1f} {_UNITS[unit]}"


def printable(name: str) -> str:
    """Return a name without the bytes that are not text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def matches(name: str, patterns: str) -> bool:
    """Return whether the name of a file matches one of several patterns with spaces between them, in upper or lower case."""
    return any(fnmatch.fnmatch(name.lower(), pattern) for pattern in patterns.split())
