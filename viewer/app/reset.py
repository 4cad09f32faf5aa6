"""Returning to the defaults while the window is open."""

from __future__ import annotations

from viewer.app.app import ViewerApp
from viewer.settings import reset_settings


def reset_everything(app: ViewerApp) -> None:
    """Return all settings to their defaults, those of the renderer and of flying at once; the recent files stay."""
    fresh = reset_settings(app.settings)
    for name in ("window", "playback", "navigation", "rendering", "view", "recording"):
        vars(getattr(app.settings, name)).update(vars(getattr(fresh, name)))
    for document in app.documents:
        motion, kept = document.camera.fly_motion, app.settings.navigation
        motion.speed, motion.time_constant = kept.fly_speed, kept.fly_smoothing
    wanted = app.settings.rendering.backend, app.settings.rendering.threads
    if wanted != (app.backend, app.threads):
        app.set_backend(*wanted)
