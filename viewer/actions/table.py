"""The table of all actions. Menus, key bindings, the shortcut sheet and the command palette are made from it."""

from __future__ import annotations

from viewer.actions.action import Action
from viewer.actions.camera import CAMERA, FLY
from viewer.actions.chords import Chord
from viewer.actions.file import FILE
from viewer.actions.help import HELP
from viewer.actions.path import PATH
from viewer.actions.playback import PLAYBACK
from viewer.actions.view import VIEW
from viewer.actions.window import WINDOW

ACTIONS: tuple[Action, ...] = (*FILE, *PLAYBACK, *CAMERA, *FLY, *PATH, *VIEW, *WINDOW, *HELP)
"""All actions, in the order of menus and shortcut sheet."""

BY_NAME: dict[str, Action] = {action.name: action for action in ACTIONS}
"""The actions by their names."""


def bindings(actions: tuple[Action, ...] = ACTIONS) -> dict[Chord, Action]:
    """Return the action that each chord triggers; fly keys also with Shift.

    Raises:
        ValueError: two actions want the same chord.
    """
    table: dict[Chord, Action] = {}
    for action in actions:
        chords = list(action.chords)
        if action.held:
            chords += [Chord(chord.key, shift=True) for chord in chords]
        for chord in chords:
            if chord in table:
                raise ValueError(f"{chord} triggers both {table[chord].name} and {action.name}")
            table[chord] = action
    return table


def shortcut_sheet(mac: bool = False) -> dict[str, list[tuple[str, str]]]:
    """Return (keys, label) of the actions that have keys, by category."""
    sheet: dict[str, list[tuple[str, str]]] = {}
    for action in ACTIONS:
        if action.keys:
            keys = " or ".join(chord.text(mac) for chord in action.chords)
            sheet.setdefault(action.category, []).append((keys, action.label))
    return sheet
