"""The initial values of a new document, and how the user's changes to a document become settings."""

from __future__ import annotations

import math
from dataclasses import dataclass

from viewer.app.document import Document
from viewer.camera.fly import FlyMotion
from viewer.camera.history import CameraHistory
from viewer.playback.clock import LoopMode
from viewer.settings import Settings


@dataclass(frozen=True)
class DocumentChoices:
    """State of a document that documents opened later start with as well."""

    speed: float
    """Multiple of the capture's rate."""
    mode: LoopMode
    """What happens at the end of the range."""
    sub_frame: bool
    """Whether slow motion shows instants between frames."""
    roll_locked: bool
    """Whether the horizon stays level."""
    fly_speed: float
    """Meters per second."""
    fly_smoothing: float
    """Seconds to come within 37 % of a new velocity."""


def choices_of(document: Document) -> DocumentChoices:
    """Return what the user has chosen in a document."""
    clock, camera = document.playback, document.camera
    motion = camera.fly_motion
    return DocumentChoices(clock.speed, clock.mode, clock.sub_frame, camera.roll_locked, motion.speed, motion.time_constant)


def apply_defaults(document: Document, settings: Settings) -> None:
    """Start a document with the settings."""
    playback, navigation, camera = settings.playback, settings.navigation, document.camera
    document.playback.mode = LoopMode(playback.mode)
    document.playback.speed, document.playback.sub_frame = playback.speed, playback.sub_frame
    camera.roll_locked = navigation.roll_locked
    camera.set_field_of_view(math.radians(navigation.field_of_view))
    camera.fly_motion = FlyMotion(navigation.fly_speed, navigation.fly_smoothing)
    camera.history = CameraHistory()  # what the settings made of the camera cannot be undone


def remember_changes(settings: Settings, before: DocumentChoices, now: DocumentChoices) -> None:
    """Make what changed between two states of a document the default of documents that are opened later."""
    playback, navigation = settings.playback, settings.navigation
    if now.speed != before.speed:
        playback.speed = now.speed
    if now.mode is not before.mode:
        playback.mode = now.mode.value
    if now.sub_frame != before.sub_frame:
        playback.sub_frame = now.sub_frame
    if now.roll_locked != before.roll_locked:
        navigation.roll_locked = now.roll_locked
    if now.fly_speed != before.fly_speed:
        navigation.fly_speed = now.fly_speed
    if now.fly_smoothing != before.fly_smoothing:
        navigation.fly_smoothing = now.fly_smoothing
