"""One training: network, rays, steps, optimizer and checkpoints."""
