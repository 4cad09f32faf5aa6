"""Which instant is shown, and rendering it in time."""
