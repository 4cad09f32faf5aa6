"""The initial values of a new document, and how the user's changes to a document become settings."""

from __future__ import annotations

import math

from viewer.app.document import Document
from viewer.camera.fly import FlyMotion
from viewer.camera.history import CameraHistory
from viewer.playback.clock import LoopMode
from viewer.settings import Settings

Choices = dict[str, dict[str, object]]
"""What the user has chosen in a document, and documents opened later start with as well: values by section and field of
`Settings`."""


def choices_of(document: Document) -> Choices:
    """Return what the user has chosen in a document."""
    clock, camera, motion = document.playback, document.camera, document.camera.fly_motion
    return {
        "playback": {"speed": clock.speed, "mode": clock.mode.value, "sub_frame": clock.sub_frame},
        "navigation": {
            "roll_locked": camera.roll_locked,
            "fly_speed": motion.speed,
            "fly_smoothing": motion.time_constant,
        },
    }


def apply_defaults(document: Document, settings: Settings) -> None:
    """Start a document with the settings."""
    playback, navigation, camera = settings.playback, settings.navigation, document.camera
    document.playback.mode = LoopMode(playback.mode)
    document.playback.speed, document.playback.sub_frame = playback.speed, playback.sub_frame
    camera.roll_locked = navigation.roll_locked
    camera.set_field_of_view(math.radians(navigation.field_of_view))
    camera.fly_motion = FlyMotion(navigation.fly_speed, navigation.fly_smoothing)
    camera.history = CameraHistory()  # what the settings made of the camera cannot be undone


def remember_changes(settings: Settings, before: Choices, now: Choices) -> None:
    """Make what changed between two states of a document the default of documents that are opened later."""
    for section, fields in now.items():
        for name, value in fields.items():
            if value != before[section][name]:
                setattr(getattr(settings, section), name, value)
