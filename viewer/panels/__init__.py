"""The panels of the window, one a file; each draws itself into the dockable window that the layout gives it."""
