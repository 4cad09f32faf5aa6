"""The native CPU kernels, called from Python."""
