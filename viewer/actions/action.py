"""An action of the user: name, label, tooltip, keys, condition and function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from viewer.actions.chords import Chord, parse_chord
from viewer.actions.conditions import ALWAYS, Condition
from viewer.app.app import ViewerApp
from viewer.app.document import Document

Function = Callable[[ViewerApp], object]
"""What an action does; it runs only while the action's condition holds."""


@dataclass(frozen=True)
class Action:
    """An entry of the table of actions."""

    name: str
    """Stable name in the code, "category.verb"."""
    label: str
    """Name in menus and in the command palette."""
    tooltip: str
    """One sentence that says what it does."""
    run: Function
    """The function that carries it out."""
    keys: str = ""
    """Chords that trigger it, with spaces between them; menus show the first one."""
    enabled: Condition = ALWAYS
    """When it is available. Otherwise menus, palette and buttons show it in gray, and its keys do nothing."""
    checked: Callable[[ViewerApp], bool] | None = None
    """Returns whether its menu item has a check mark; None means never."""
    repeats: bool = False
    """Whether a key that is held down repeats it."""
    starts_group: bool = False
    """Whether menus draw a line above it."""
    in_menu: bool = True
    """Whether menus show it."""
    in_palette: bool = True
    """Whether the command palette offers it."""
    fly_axis: tuple[int, int, int] | None = None
    """Direction (right, down, forward) of a fly key. It acts while it is held, with or without Shift, and is bound to the
    key's place on the keyboard, not to its letter."""

    @property
    def category(self) -> str:
        """Title of its menu and heading on the shortcut sheet."""
        return self.name.split(".")[0].capitalize()

    @property
    def chords(self) -> tuple[Chord, ...]:
        """The keys, parsed."""
        return tuple(parse_chord(key) for key in self.keys.split())

    @property
    def held(self) -> bool:
        """Whether it acts while its key is held down."""
        return self.fly_axis is not None

    def shortcut(self, mac: bool = False) -> str:
        """Return the first chord as text; empty without one."""
        return self.chords[0].text(mac) if self.keys else ""


SEPARATOR = None
"""An entry of `menu`: a line between two groups."""


def menu(*entries: Action | None) -> tuple[Action, ...]:
    """Return the actions of a menu. An action after a `SEPARATOR` starts a group."""
    pairs = zip((*entries[:1], *entries), entries, strict=False)
    return tuple(replace(entry, starts_group=before is SEPARATOR) for before, entry in pairs if entry is not SEPARATOR)


def front(app: ViewerApp) -> Document:
    """Return the front document, which the action's condition guarantees."""
    assert app.document is not None
    return app.document


def open_dialog(name: str) -> Function:
    """Return the function that opens a dialog."""
    return lambda app: app.window.dialogs.add(name)


def next_stop(stops: tuple[float, ...], value: float, step: int) -> float:
    """Return the next (`step` 1) or previous (-1) stop beyond a value; the outermost one at the ends."""
    beyond = [s for s in stops if (s - value) * step > 1e-9]
    return (min if step > 0 else max)(beyond) if beyond else (stops[-1] if step > 0 else stops[0])
