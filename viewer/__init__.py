"""The window: camera control, playback, panels, recorder."""
