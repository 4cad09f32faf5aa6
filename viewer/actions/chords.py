"""Keys with modifiers, written like "Ctrl+Shift+Z" in the table of actions."""

from __future__ import annotations

import functools
from dataclasses import dataclass

MODIFIERS = ("Ctrl", "Shift", "Alt")
"""Modifiers in the order in which they are written; on a Mac, Ctrl means the Command key."""

NAMED_KEYS = (
    *("Space", "Enter", "Escape", "Tab", "Backspace", "Delete", "Insert", "Home", "End", "PageUp", "PageDown"),
    *("Left", "Right", "Up", "Down"),
    *(f"F{number}" for number in range(1, 13)),
)
"""Keys with names. All others are written as their character on a US keyboard."""

CHARACTER_KEYS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.[]/;'-=\\`")
"""Keys with characters."""


@dataclass(frozen=True)
class Chord:
    """A key pressed with modifiers."""

    key: str
    """One of `NAMED_KEYS` or `CHARACTER_KEYS`."""
    ctrl: bool = False
    """Ctrl, or Command on a Mac."""
    shift: bool = False
    """Shift."""
    alt: bool = False
    """Alt, or Option on a Mac."""

    def __str__(self) -> str:
        held = [name for name, down in zip(MODIFIERS, (self.ctrl, self.shift, self.alt), strict=True) if down]
        return "+".join([*held, self.key])

    def text(self, mac: bool = False) -> str:
        """Return the text for the user; on a Mac, Ctrl is Cmd and Alt is Option."""
        return str(self).replace("Ctrl", "Cmd").replace("Alt", "Option") if mac else str(self)


@functools.cache
def parse_chord(text: str) -> Chord:
    """Read "Ctrl+Shift+Z"; ValueError for an unknown key or modifier."""
    *held, key = text.split("+")
    if len(held) != len(set(held)) or any(name not in MODIFIERS for name in held):
        raise ValueError(f"{text!r} has an unknown or repeated modifier")
    if key not in NAMED_KEYS and key not in CHARACTER_KEYS:
        raise ValueError(f"{text!r} does not name a key")
    return Chord(key, *(name in held for name in MODIFIERS))
