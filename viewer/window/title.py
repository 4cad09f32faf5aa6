"""The title bar of the window."""

from __future__ import annotations

from typing import Any

from viewer import PROGRAM
from viewer.app.document import Document


def title_of(document: Document | None) -> str:
    """Return the title for the front document; None means that nothing is open."""
    return PROGRAM if document is None else f"{document.path.name} – {PROGRAM}"


class WindowTitle:
    """Keeps the title bar up to date."""

    def __init__(self) -> None:
        self._shown = PROGRAM

    def follow(self, document: Document | None) -> None:
        """Show the title of the front document."""
        title = title_of(document)
        if title != self._shown:
            self._shown = title
            set_title(title)


def set_title(title: str) -> None:
    """Set the text of the title bar."""
    import glfw  # noqa: PLC0415 - after imgui_bundle
    from imgui_bundle import glfw_utils  # noqa: PLC0415 - needs glfw

    window: Any = glfw_utils.glfw_window_hello_imgui()
    glfw.set_window_title(window, title)
