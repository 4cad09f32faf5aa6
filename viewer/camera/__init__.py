"""The camera that the user moves, and its undo history."""
