"""Rendering and scoring the views of a capture, summaries, and the page of an evaluation."""
