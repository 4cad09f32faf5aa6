"""Long captures: the frames of each segment, the run that trains it, and segments on a cluster."""
