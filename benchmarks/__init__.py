"""Measurements: this renderer against the published pipeline, and the machine it runs on."""
