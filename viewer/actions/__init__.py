"""What the user can do: the table of actions, their conditions and their functions."""
