"""What all tests share."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a slow example on a busy machine is no fault
settings.load_profile("no deadline")
