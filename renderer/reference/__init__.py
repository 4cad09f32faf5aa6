"""The reference backend: plain, differentiable PyTorch that tests compare every other backend with."""
