"""Where the viewer keeps its files: settings and layout."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def config_folder() -> Path:
    """Return the viewer's folder for settings, where the platform keeps such folders."""
    return Path(platformdirs.user_config_dir("mlpvid", appauthor=False))


def settings_path() -> Path:
    """Return the path of the settings file."""
    return config_folder() / "settings.yaml"


def layout_path() -> Path:
    """Return the path of the file in which the window saves the layout of its panels."""
    return config_folder() / "layout.ini"
