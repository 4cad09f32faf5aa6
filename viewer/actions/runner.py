"""Run actions by name, for menus, keys and buttons."""

from __future__ import annotations

from common.errors import InputError
from viewer.actions.action import Action
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp


class ActionRunner:
    """Runs the actions whose condition holds.

    Args:
        app: what they act on.
    """

    def __init__(self, app: ViewerApp) -> None:
        self._app = app

    def run(self, name: str) -> None:
        """Run an action, or say why it is unavailable; an error in the user's input becomes a dialog."""
        action = BY_NAME[name]
        if reason := self.unavailable_reason(name):
            self._app.messages.set_status(reason)
            return
        try:
            action.run(self._app)
        except InputError as error:
            self._app.messages.show_exception(error, cannot_run(action))
        self._app.redraw.request()

    def unavailable_reason(self, name: str) -> str:
        """Return why an action is unavailable; empty when it is available."""
        return BY_NAME[name].enabled.unavailable_reason(self._app)

    def checked(self, name: str) -> bool:
        """Return whether an action that switches something on and off is on."""
        checked = BY_NAME[name].checked
        return checked is not None and checked(self._app)


def cannot_run(action: Action) -> str:
    """Return the title of the error when an action fails."""
    label = action.label.removesuffix("...")
    return f"Cannot {label[:1].lower()}{label[1:]}"
