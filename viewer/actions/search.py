"""Search in the table of actions, for the command palette."""

from __future__ import annotations

from viewer.actions.action import Action
from viewer.actions.table import ACTIONS


def search_actions(query: str) -> list[Action]:
    """Return the actions whose label, category or tooltip matches the query, best first.

    Labels that begin with the query come first, then labels that contain its words, then labels that contain its letters in
    order, then matches in category and tooltip.
    """
    wanted = query.casefold().strip()
    scored = [(score, i) for i, a in enumerate(ACTIONS) if a.in_palette and (score := _score(wanted, a)) is not None]
    return [ACTIONS[i] for _, i in sorted(scored)]


def _score(query: str, action: Action) -> tuple[int, int] | None:
    label = action.label.casefold()
    if label.startswith(query):
        return 0, 0
    words = query.split()
    if all(word in label for word in words):
        return 1, label.index(words[0])
    spread = _spread(query, label)
    if spread is not None:
        return 2, spread
    described = f"{action.category} {action.label} {action.tooltip}".casefold()
    return (3, described.index(words[0])) if all(word in described for word in words) else None


def _spread(query: str, text: str) -> int | None:
    # Distance from the first to the last of the query's letters, found in order in the text; None unless all are there.
    position, first = -1, -1
    for letter in query.replace(" ", ""):
        position = text.find(letter, position + 1)
        if position < 0:
            return None
        first = position if first < 0 else first
    return position - first
