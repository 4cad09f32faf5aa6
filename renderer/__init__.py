"""One frame and one camera to pixels; three backends behind one protocol (`renderer.backend`)."""
