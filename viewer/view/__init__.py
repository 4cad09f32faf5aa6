"""The panel that shows the picture: mouse, overlays, gizmo, comparison and legend."""
