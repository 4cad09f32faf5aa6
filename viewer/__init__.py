"""The window: camera control, playback, panels, recorder."""

__version__ = "0.1.0"
"""Of the program; the same as in pyproject.toml."""
