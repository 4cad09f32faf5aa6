"""The modifiers that were held when a key was pressed, as the system reports them.

ImGui only knows the modifiers at the end of a frame. On a slow machine, Ctrl is released again before a quick Ctrl+R is
processed, and R alone means something else.
"""

from __future__ import annotations

import sys
from typing import Any

from viewer.actions.chords import CHARACTER_KEYS, NAMED_KEYS, Chord


class PressedModifiers:
    """Receives every key event of a window before ImGui does."""

    def __init__(self) -> None:
        self._mods: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._on_key: Any = None

    def listen(self, window: Any) -> None:
        """Start listening. Call it before ImGui installs its own callbacks, which then call this one."""
        import glfw  # noqa: PLC0415 - after imgui_bundle

        constants = {"PageUp": "PAGE_UP", "PageDown": "PAGE_DOWN"}
        self._names = {getattr(glfw, f"KEY_{constants.get(name, name.upper())}"): name for name in NAMED_KEYS}
        self._on_key = lambda _, key, scancode, action, mods: self.record(
            key, glfw.get_key_name(key, scancode) or "", action == glfw.PRESS, mods
        )
        set_key_callback: Any = glfw.set_key_callback  # its annotation names a wrong signature
        set_key_callback(window, self._on_key)

    def record(self, key: int, letter: str, down: bool, mods: int) -> None:
        """Record a key event.

        Args:
            key: GLFW's number of the key, by its place.
            letter: its character in the user's layout; empty for keys without one.
            down: whether it was pressed.
            mods: GLFW's bits of the modifiers at that moment.
        """
        if down:
            place = chr(key) if 0 < key < 128 else ""
            name = self._names.get(key) or (letter.upper() if letter.upper() in CHARACTER_KEYS else place)
            self._mods[name] = mods

    def matches(self, chord: Chord) -> bool:
        """Return whether exactly the modifiers of a chord were held when its key was last pressed."""
        import glfw  # noqa: PLC0415 - after imgui_bundle

        command, other = (glfw.MOD_SUPER, glfw.MOD_CONTROL) if sys.platform == "darwin" else (glfw.MOD_CONTROL, glfw.MOD_SUPER)
        wanted = command * chord.ctrl | glfw.MOD_SHIFT * chord.shift | glfw.MOD_ALT * chord.alt
        held = self._mods.get(chord.key, -1) & (command | other | glfw.MOD_SHIFT | glfw.MOD_ALT)
        return held == wanted
