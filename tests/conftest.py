"""Fixtures and hooks of all tests."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in run_viewer.py, and before anything loads PyTorch

settings.register_profile("no deadline", deadline=None)  # a slow example on a busy machine is not a fault
settings.load_profile("no deadline")
