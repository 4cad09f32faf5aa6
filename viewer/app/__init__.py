"""The state of the window and how it changes from one frame to the next. Nothing here draws."""
