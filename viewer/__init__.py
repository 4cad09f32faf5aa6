"""The window: camera control, playback, panels, recorder."""

from pathlib import Path

__version__ = "0.1.0"
"""Version of the program; the same as in pyproject.toml."""

PROGRAM = "MLPVid"
"""The name of the program."""

BUNDLE_SUFFIX = ".mlpvid"
"""Suffix of bundles."""

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo.mlpvid"
"""The bundle that comes with the viewer; it is opened when no other is named."""
