"""The dockable panels and the menus, one per file."""
