"""One training run: network, rays, steps, optimizer and checkpoints."""
