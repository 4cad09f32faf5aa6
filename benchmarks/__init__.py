"""Benchmarks: this renderer and the published pipeline, training steps, and the peak rates of the machine."""
