"""The playback clock, and rendering the frames it asks for in time."""
