"""Keyframes of camera and time, the curve through them, presets, and the frames of a recording."""
