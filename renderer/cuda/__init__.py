"""The same renderer on an NVIDIA GPU, behind one driver interface."""
