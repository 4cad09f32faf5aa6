"""The checkpoints that the paper's authors released."""
