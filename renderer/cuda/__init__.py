"""The renderer for NVIDIA GPUs. All access to the GPU goes through one driver interface."""
