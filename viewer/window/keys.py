"""Keys: chords of actions, fly keys by their place on the keyboard, and Tab to move between controls."""

from __future__ import annotations

import functools
from typing import Any

from imgui_bundle import imgui

from viewer.actions.action import Action
from viewer.actions.chords import Chord
from viewer.actions.table import ACTIONS, bindings
from viewer.window.modifiers import PressedModifiers

_NAMED = {
    "PageUp": "page_up",
    "PageDown": "page_down",
    "Left": "left_arrow",
    "Right": "right_arrow",
    "Up": "up_arrow",
    "Down": "down_arrow",
    ",": "comma",
    ".": "period",
    "[": "left_bracket",
    "]": "right_bracket",
    "/": "slash",
    ";": "semicolon",
    "'": "apostrophe",
    "-": "minus",
    "=": "equal",
    "\\": "backslash",
    "`": "grave_accent",
}
"""ImGui's names of the keys whose own name it does not use in lower case."""

NAVIGATION_KEYS = frozenset({"Space", "Enter", "Escape", "Left", "Right", "Up", "Down", "PageUp", "PageDown", "Home", "End"})
"""Keys that belong to the focused control while the keyboard moves between controls."""

FAST = 4.0
"""Factor on the speed while Shift is held during flying."""


@functools.cache
def imgui_key(key: str) -> imgui.Key:
    """Return ImGui's key for a key of the table of actions."""
    name = _NAMED.get(key) or (f"_{key}" if key.isdigit() else key.lower())
    return getattr(imgui.Key, name)


def imgui_chord(chord: Chord) -> int:
    """Return ImGui's number for a chord; Ctrl is the Command key on a Mac."""
    modifiers = ((chord.ctrl, imgui.Key.mod_ctrl), (chord.shift, imgui.Key.mod_shift), (chord.alt, imgui.Key.mod_alt))
    return int(imgui_key(chord.key)) | sum(int(modifier) for held, modifier in modifiers if held)


class Keyboard:
    """Finds the actions whose keys were pressed in this frame.

    Args:
        physical: whether to read fly keys by their place on the keyboard. Tests simulate keys in ImGui instead.
    """

    def __init__(self, physical: bool) -> None:
        self._physical = physical
        self.modifiers = PressedModifiers()
        """Modifiers that were held when each key was pressed."""
        self._chords = [(imgui_chord(chord), chord, action) for chord, action in bindings().items() if not action.held]
        self._held = [action for action in ACTIONS if action.held]

    def pressed(self) -> list[Action]:
        """Return the actions whose chords were pressed in this frame; no plain keys while text is typed, none in a menu."""
        io = imgui.get_io()
        in_menu = menu_is_open()
        self._switch_navigation(io, in_menu)
        if in_menu:
            return []
        typing, navigating = io.want_text_input, navigates(io)
        pressed = [
            (chord, action)
            for number, chord, action in self._chords
            if self._is_pressed(number, chord, action.repeats) and not blocked(chord, typing, navigating)
        ]
        taken = fly_letters() if self._physical and pressed else set()
        return [action for chord, action in pressed if not flies(chord, taken)]

    def _is_pressed(self, number: int, chord: Chord, repeated: bool) -> bool:
        if not imgui.is_key_pressed(imgui_key(chord.key), repeated):
            return False
        return self.modifiers.matches(chord) if self._physical else imgui.get_io().key_mods == number & int(imgui.Key.mod_mask_)

    def fly_direction(self) -> tuple[float, float, float]:
        """Return the direction of the held fly keys as (right, down, forward); Shift multiplies it."""
        io = imgui.get_io()
        if io.want_text_input or io.key_ctrl or io.key_alt or io.key_super:
            return 0.0, 0.0, 0.0
        down = [action.fly_axis for action in self._held if action.fly_axis and self._is_down(action.keys)]
        factor = FAST if io.key_shift else 1.0
        right, below, forward = (factor * sum(axis[i] for axis in down) for i in range(3))
        return right, below, forward

    def _is_down(self, key: str) -> bool:
        if not self._physical:
            return bool(imgui.is_key_down(imgui_key(key)))
        import glfw  # noqa: PLC0415 - after imgui_bundle
        from imgui_bundle import glfw_utils  # noqa: PLC0415 - needs glfw

        window: Any = glfw_utils.glfw_window_hello_imgui()
        if glfw.get_key(window, getattr(glfw, f"KEY_{key}")) != glfw.PRESS:
            return False
        return bool(glfw.get_window_attrib(window, glfw.FOCUSED))  # the display server has to answer, so it is asked last

    def _switch_navigation(self, io: imgui.IO, in_menu: bool) -> None:
        # The keyboard moves between controls only after Tab. Otherwise Space would press the last button again.
        # In menus it always does: Escape closes them, arrows choose.
        flag = int(imgui.ConfigFlags_.nav_enable_keyboard)
        if in_menu:
            io.config_flags |= flag
        elif imgui.is_key_pressed(imgui.Key.tab) and not (io.key_ctrl or io.key_alt):
            io.config_flags |= flag
            imgui.set_nav_cursor_visible(True)
        elif any(imgui.is_mouse_clicked(button) for button in (0, 1, 2)) or imgui.is_key_pressed(imgui.Key.escape):
            io.config_flags &= ~flag
            imgui.set_nav_cursor_visible(False)


def menu_is_open() -> bool:
    """Return whether a menu or a drop-down list is open; dialogs do not count."""
    anything = imgui.PopupFlags_.any_popup_id | imgui.PopupFlags_.any_popup_level
    modal = imgui.internal.get_top_most_popup_modal()
    return bool(imgui.is_popup_open("", anything)) and modal is None


def fly_letters() -> set[str]:
    """Return the characters on the keys at the places of W A S D Q E in the user's layout, as `Chord` writes them."""
    import glfw  # noqa: PLC0415 - after imgui_bundle

    places = [getattr(glfw, f"KEY_{action.keys}") for action in ACTIONS if action.held]
    return {(glfw.get_key_name(place, 0) or "").upper() for place in places}


def flies(chord: Chord, letters: set[str]) -> bool:
    """Return whether a chord is a fly key. Its place counts, not its character: on some layouts a comma is at W's place."""
    return chord.key in letters and not (chord.ctrl or chord.alt)


def navigates(io: imgui.IO) -> bool:
    """Return whether the keyboard moves between controls now."""
    return bool(io.config_flags & int(imgui.ConfigFlags_.nav_enable_keyboard)) and bool(io.nav_visible)


def blocked(chord: Chord, typing: bool, navigating: bool) -> bool:
    """Return whether a chord belongs to a text field or to the focused control instead of to its action."""
    plain = not (chord.ctrl or chord.alt)
    if typing:
        function_key = len(chord.key) > 1 and chord.key[0] == "F" and chord.key[1:].isdigit()
        edits = chord.ctrl and chord.key in ("A", "C", "V", "X", "Y", "Z", "Left", "Right", "Home", "End")
        return (plain and not function_key) or edits
    return navigating and plain and chord.key in NAVIGATION_KEYS
