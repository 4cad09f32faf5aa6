"""The sound of a video in the window: the output device, what is played on it, the clock that follows it, the waveform."""
