"""The playback clock, and the background rendering of the frames that are due."""
