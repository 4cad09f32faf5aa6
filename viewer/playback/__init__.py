"""Playback: choose the time to show, and render it in time."""
