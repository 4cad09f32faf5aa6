"""The sections of the inspector, the timeline, the menus, the toolbar and the status bar, one per file."""
