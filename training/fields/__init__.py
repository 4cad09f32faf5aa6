"""Differentiable rendering for training, from decoded maps and rays to colors: one interface, in PyTorch and native."""
