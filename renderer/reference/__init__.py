"""The truth that every backend is held against: plain, differentiable PyTorch."""
