"""Render a frame from a camera: all backends implement one protocol, `renderer.backend`."""
