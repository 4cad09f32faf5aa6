"""Which modifiers were held when a key went down, as the system tells it.

ImGui knows only the modifiers at the end of a frame: on a slow machine Ctrl is up again by the time that a quick Ctrl+R is
looked at, and R alone means something else.
"""

from __future__ import annotations

import sys
from typing import Any

from viewer.actions.chords import CHARACTER_KEYS, NAMED_KEYS, Chord


class PressedModifiers:
    """Hears every key of a window before ImGui does."""

    def __init__(self) -> None:
        self._mods: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._on_key: Any = None

    def listen(self, window: Any) -> None:
        """Begin; call it before ImGui installs its own callbacks, which call this one in turn."""
        import glfw  # noqa: PLC0415 - after imgui_bundle

        constants = {"PageUp": "PAGE_UP", "PageDown": "PAGE_DOWN"}
        self._names = {getattr(glfw, f"KEY_{constants.get(name, name.upper())}"): name for name in NAMED_KEYS}
        self._on_key = lambda _, key, scancode, action, mods: self.record(
            key, glfw.get_key_name(key, scancode) or "", action == glfw.PRESS, mods
        )
        set_key_callback: Any = glfw.set_key_callback  # its annotation names a wrong signature
        set_key_callback(window, self._on_key)

    def record(self, key: int, letter: str, down: bool, mods: int) -> None:
        """Take a key event.

        Args:
            key: GLFW's number of the key, by its place.
            letter: what it bears in the user's layout; empty for keys without a letter.
            down: whether it was pressed.
            mods: GLFW's bits of the modifiers at that moment.
        """
        if down:
            place = chr(key) if 0 < key < 128 else ""
            name = self._names.get(key) or (letter.upper() if letter.upper() in CHARACTER_KEYS else place)
            self._mods[name] = mods

    def matches(self, chord: Chord) -> bool:
        """Whether the modifiers of a chord were held, and no others, when its key went down last."""
        import glfw  # noqa: PLC0415 - after imgui_bundle

        command, other = (glfw.MOD_SUPER, glfw.MOD_CONTROL) if sys.platform == "darwin" else (glfw.MOD_CONTROL, glfw.MOD_SUPER)
        wanted = command * chord.ctrl | glfw.MOD_SHIFT * chord.shift | glfw.MOD_ALT * chord.alt
        held = self._mods.get(chord.key, -1) & (command | other | glfw.MOD_SHIFT | glfw.MOD_ALT)
        return held == wanted
