"""The table of actions: no two actions share keys, every text is present, and the palette finds them."""

from __future__ import annotations

import re

import pytest

from viewer.actions.action import Action
from viewer.actions.chords import Chord, parse_chord
from viewer.actions.search import search_actions
from viewer.actions.table import ACTIONS, BY_NAME, bindings, shortcut_sheet


def test_no_chord_triggers_two_actions() -> None:
    table = bindings()
    assert sum(len(action.chords) for action in ACTIONS) + sum(action.held for action in ACTIONS) == len(table)


def nothing(app: object) -> None:
    """Do nothing, as an action."""


def test_conflicts_are_found() -> None:
    first = Action("a.b", "A", "One.", nothing, "Ctrl+K")
    with pytest.raises(ValueError, match=r"Ctrl\+K triggers both a\.b and a\.c"):
        bindings((first, Action("a.c", "B", "Two.", nothing, "K Ctrl+K")))
    held = Action("fly.x", "Fly", "Fly.", nothing, "W", fly_axis=(0, 0, 1))
    with pytest.raises(ValueError, match=r"Shift\+W"):
        bindings((held, Action("a.c", "B", "Two.", nothing, "Shift+W")))


def test_names_are_unique_and_belong_to_their_group() -> None:
    assert len(BY_NAME) == len(ACTIONS)
    for action in ACTIONS:
        assert re.fullmatch(r"[a-z]+\.[a-z_0-9]+", action.name), action.name


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_texts(action: Action) -> None:
    assert action.label and action.category
    assert action.tooltip.endswith(".") and len(action.tooltip) > 10
    assert action.keys or action.in_palette, "nobody could reach it"


PROPER = {"URL", "MLP", "JSON", "X", "Y", "Z"}
"""Words that are written in capitals within a label."""


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_labels_are_in_sentence_case(action: Action) -> None:
    first, *others = re.findall(r"[A-Za-z]+", action.label)
    assert first[0].isupper()
    assert [word for word in others if word.lower() != word and word not in PROPER] == []


def test_keys_that_people_expect() -> None:
    expected = {
        "Space": "playback.toggle",
        ",": "playback.previous",
        ".": "playback.next",
        "Left": "playback.previous",
        "Right": "playback.next",
        "F": "camera.focus",
        "Home": "camera.fit",
        "[": "camera.previous",
        "]": "camera.next",
        "1": "camera.snap_1",
        "9": "camera.snap_9",
        "W": "fly.forward",
        "Ctrl+P": "help.palette",
        "F1": "help.shortcuts",
        "F11": "window.fullscreen",
        "Ctrl+Z": "camera.undo",
        "Ctrl+C": "camera.copy",
        "Ctrl+O": "file.open",
    }
    table = bindings()
    assert {keys: table[parse_chord(keys)].name for keys in expected} == expected


@pytest.mark.parametrize("text", ["Ctrl+Shift+Z", "Alt+1", "F12", ",", "Shift+=", "PageUp"])
def test_chord_round_trip(text: str) -> None:
    assert str(parse_chord(text)) == text


@pytest.mark.parametrize("text", ["", "Ctrl+", "Hyper+A", "Ctrl+Ctrl+A", "a", "F13", "+", "Ctrl"])
def test_unknown_chords_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_chord(text)


def test_chord_on_a_mac() -> None:
    assert Chord("Z", ctrl=True, alt=True).text(mac=True) == "Cmd+Option+Z"
    assert BY_NAME["camera.redo"].shortcut() == "Ctrl+Shift+Z"
    assert BY_NAME["file.open_demo"].shortcut() == ""


def test_sheet_holds_every_key() -> None:
    rows = [row for rows in shortcut_sheet().values() for row in rows]
    assert len(rows) == sum(bool(action.keys) for action in ACTIONS)
    assert ("Ctrl+Shift+Z or Ctrl+Y", "Redo") in shortcut_sheet()["Camera"]


def test_search_prefers_labels() -> None:
    assert search_actions("depth")[0].name == "view.depth"
    assert search_actions("DEP")[0].name == "view.depth"
    assert search_actions("key del")[0].name == "path.remove"
    assert search_actions("ply or gltf")[0].name == "file.export_mesh", "found by its tooltip"
    assert search_actions("fulsc")[0].name == "window.fullscreen", "letters in order"
    assert search_actions("zzzz") == []
    assert len(search_actions("")) == sum(action.in_palette for action in ACTIONS)
    assert all(not action.held for action in search_actions("fly"))
