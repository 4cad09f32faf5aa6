"""Prompts for a file or an address: the system's file dialog if there is one, otherwise a file browser in the window."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgui_bundle import imgui, portable_file_dialogs

from common.errors import InputError
from common.streaming.address import parse_address
from viewer import SCENE_SUFFIX
from viewer.app.app import ViewerApp
from viewer.app.faults import CHECK_FILE, CHECK_FOLDER, short_name
from viewer.app.recording import typed_path
from viewer.camera_path.frame_schedule import path_schedule
from viewer.dialogs.file_browser import FileBrowser
from viewer.dialogs.modal import begin_modal
from viewer.export.camera_path_files import save_path as save_views
from viewer.widgets.controls import button, em

IMAGES = "*.png *.jpg *.jpeg *.webp *.bmp"
"""Patterns of the names of images."""


@dataclass(frozen=True)
class Prompt:
    """A prompt for a file or an address."""

    title: str
    """Title of the dialog."""
    hint: str
    """Hint in the empty text field."""
    accept: Callable[[ViewerApp, str], None]
    """Uses the answer; an InputError is shown."""
    filters: tuple[str, ...] = ()
    """Names and patterns of files, alternating, for the system's dialog."""
    saving: bool = False
    """Whether the file will be written."""
    suffix: str = ".json"
    """End of the name of a file that will be written; it is added where it is missing."""
    address: bool = False
    """Whether it asks for a web address, for which systems have no dialog."""

    @property
    def verb(self) -> str:
        """Label of its button: "Open", "Add", "Save" or "Load"."""
        return self.title.split()[0]

    def failed(self, answer: str) -> str:
        """Return the title of the error when an answer cannot be used."""
        return f"Cannot {self.verb.lower()} {short_name(answer)}"


def existing_file(text: str) -> Path:
    """Return the file that typed text names; raise InputError if there is none."""
    path = typed_path(text)
    if not os.path.isfile(path):
        raise InputError(path, "no such file")
    return path


def open_bundle(app: ViewerApp, text: str) -> None:
    """Open a bundle by its path."""
    app.documents.open(existing_file(text))


def open_address(app: ViewerApp, text: str) -> None:
    """Open a bundle by its address."""
    app.documents.open(parse_address(text))


def save_path(app: ViewerApp, text: str) -> None:
    """Save the camera path."""
    assert app.document is not None
    target = path_file(text)
    app.document.camera_path.save(target)
    app.messages.set_status(f"Camera path saved to {target}")


def export_path(app: ViewerApp, text: str) -> None:
    """Write the views of the camera path as glTF for Blender, or as nerfstudio's camera_path.json."""
    assert app.document is not None
    target, path, video = path_file(text, ".glb"), app.document.camera_path, app.document.video
    first, fps = path.camera(path.start), video.metadata.fps
    schedule = path_schedule(path, (first.width, first.height), video.num_frames, None, fps, fps)
    notes = save_views(target, schedule, fps, video.num_frames, video.metadata.up)
    app.messages.set_status("; ".join([f"Camera path exported to {target}", *notes]))


def path_file(text: str, suffix: str = ".json") -> Path:
    """Return the file that typed text names. Without a suffix it gets this one, and scenes always get theirs."""
    target = typed_path(text)
    complete = target.name.endswith(suffix) if suffix == SCENE_SUFFIX else target.suffix
    return target if complete or not target.name else target.with_name(target.name + suffix)


def load_path(app: ViewerApp, text: str) -> None:
    """Load a camera path."""
    assert app.document is not None
    app.camera_paths.load(app.document, existing_file(text))


def open_workspace(app: ViewerApp, text: str) -> None:
    """Replace what is open by a workspace."""
    app.workspaces.open(typed_path(text))


def save_workspace(app: ViewerApp, text: str) -> None:
    """Save the workspace."""
    target = path_file(text)
    app.workspaces.save(target)
    app.messages.set_status(f"Workspace saved to {target}")


def add_video(app: ViewerApp, text: str) -> None:
    """Add a video to the scene of the front document."""
    assert app.document is not None
    app.scenes.add(app.document, existing_file(text))


def save_scene(app: ViewerApp, text: str) -> None:
    """Save the scene of the front document."""
    assert app.document is not None
    target = path_file(text, SCENE_SUFFIX)
    app.scenes.save(app.document, target)
    app.settings.remember_file(str(app.document.path))
    app.messages.set_status(f"Scene saved to {target}")


def use_background(app: ViewerApp, text: str) -> None:
    """Use an image as the background."""
    app.settings.view.background_file = str(existing_file(text).absolute())
    app.redraw.request()


PROMPTS: dict[str, Prompt] = {
    "open": Prompt("Open a video", "Path of a .mlpvid file", open_bundle, ("Videos and scenes", "*.mlpvid*", "All files", "*")),
    "url": Prompt("Open a URL", "https://.../name.mlpvid, s3://...", open_address, address=True),
    "save_path": Prompt("Save the camera path", "Path of a .json file", save_path, ("Camera path", "*.json"), True),
    "export_path": Prompt(
        *("Export the camera path", "Path of a .glb file (Blender) or a .json file (nerfstudio)", export_path),
        ("Blender (glTF)", "*.glb", "nerfstudio", "*.json"),
        *(True, ".glb"),
    ),
    "open_workspace": Prompt("Open a workspace", "Path of a .json file", open_workspace, ("Workspace", "*.json")),
    "save_workspace": Prompt("Save the workspace", "Path of a .json file", save_workspace, ("Workspace", "*.json"), True),
    "add_video": Prompt(
        *("Add a video", "Path of a .mlpvid file", add_video), ("Videos and scenes", "*.mlpvid*", "All files", "*")
    ),
    "background": Prompt("Use an image", "Path of an image", use_background, ("Images", IMAGES, "All files", "*")),
    "save_scene": Prompt(
        *("Save the scene", f"Path of a {SCENE_SUFFIX} file", save_scene, ("Scene", f"*{SCENE_SUFFIX}"), True, SCENE_SUFFIX)
    ),
    "load_path": Prompt(
        *("Load a camera path", "Path of a .json file, or COLMAP's images.txt or images.bin", load_path),
        ("Camera path", "*.json", "COLMAP's images.txt", "*.txt", "COLMAP's images.bin", "*.bin", "All files", "*"),
    ),
}
"""The prompts, by the name of their dialog."""


class Prompts:
    """Shows the prompts that are open.

    Args:
        native: whether to use the system's file dialogs if there are any.
    """

    def __init__(self, native: bool = True) -> None:
        self._native = native
        self._dialog: tuple[str, Any] | None = None
        self._browser = FileBrowser()
        self._replaced: Path | None = None  # a file that exists, while the user is asked about it
        self._text = ""
        self._fault = ""

    def draw(self, app: ViewerApp) -> None:
        """Draw the open prompts and use their answers."""
        self._poll(app)
        self._browser.follow(app.window.dialogs)
        for name, prompt in PROMPTS.items():
            if name not in app.window.dialogs or self._dialog is not None:
                continue
            if prompt.address:
                self._draw_prompt(app, name, prompt)
            elif self._native and native_available():
                self._dialog = (name, ask_system(prompt, app.recording.folder))
            else:
                self._browse(app, name, prompt)

    def _poll(self, app: ViewerApp) -> None:
        if self._dialog is None:
            return
        app.redraw.request()
        name, dialog = self._dialog
        if dialog.ready(0):
            self._dialog = None
            app.window.dialogs.discard(name)
            answer = dialog.result()
            text = answer[0] if isinstance(answer, list) and answer else answer
            if text:
                self._accept(app, PROMPTS[name], str(text))

    def _browse(self, app: ViewerApp, name: str, prompt: Prompt) -> None:
        if self._replaced is not None:
            self._ask_to_replace(app, name, prompt, self._replaced)
            return
        answer = self._browser.draw(name, prompt.title, prompt.filters, prompt.saving, app.recording.folder)
        if answer is None:
            return
        if answer and prompt.saving and os.path.isfile(path_file(answer, prompt.suffix)):
            self._replaced = path_file(answer, prompt.suffix)
            return
        app.window.dialogs.discard(name)
        if answer:
            self._accept(app, prompt, answer)

    def _ask_to_replace(self, app: ViewerApp, name: str, prompt: Prompt, target: Path) -> None:
        # The system's dialogs ask before they replace a file; the browser does not.
        if not begin_modal("Replace the file?", 30):
            return
        imgui.text_wrapped(f"{target} already exists.")
        replaced = button("Replace", "Write over the file.", width=em(6))
        imgui.same_line()
        if button("Cancel", "Keep the file.", width=em(6)) or imgui.is_key_pressed(imgui.Key.escape) or replaced:
            self._replaced = None
            app.window.dialogs.discard(name)
            imgui.close_current_popup()
            if replaced:
                self._accept(app, prompt, str(target))
        imgui.end_popup()

    def _draw_prompt(self, app: ViewerApp, name: str, prompt: Prompt) -> None:
        if not begin_modal(prompt.title, 34):
            return
        if imgui.is_window_appearing():
            imgui.set_keyboard_focus_here()
            self._fault = ""
        imgui.set_next_item_width(-1)
        flags = imgui.InputTextFlags_.enter_returns_true
        entered, self._text = imgui.input_text_with_hint("###answer", prompt.hint, self._text, flags)
        if self._fault:
            imgui.text_wrapped(self._fault)
        confirmed = button(prompt.verb, prompt.title, bool(self._text.strip()), width=em(6)) or entered
        imgui.same_line()
        cancelled = button("Cancel", "Close this dialog.", width=em(6)) or imgui.is_key_pressed(imgui.Key.escape)
        if confirmed and self._text.strip():
            cancelled = self._accept(app, prompt, self._text.strip(), inline=True)
        if cancelled:
            self._text = ""
            app.window.dialogs.discard(name)
            imgui.close_current_popup()
        imgui.end_popup()

    def _accept(self, app: ViewerApp, prompt: Prompt, text: str, inline: bool = False) -> bool:
        try:
            prompt.accept(app, text)
        except InputError as error:
            if inline:
                self._fault = str(error)
                return False
            app.messages.show_exception(error, prompt.failed(text), CHECK_FOLDER if prompt.saving else CHECK_FILE)
        return True


def native_available() -> bool:
    """Return whether the system has file dialogs."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(shutil.which(program) for program in ("zenity", "kdialog", "matedialog", "qarma"))


def ask_system(prompt: Prompt, folder: Path) -> Any:
    """Open the system's dialog and return it; poll it with `ready`."""
    filters = list(prompt.filters)
    if prompt.saving:
        return portable_file_dialogs.save_file(prompt.title, str(folder), filters)
    return portable_file_dialogs.open_file(prompt.title, str(folder), filters)
