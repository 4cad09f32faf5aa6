"""Scenes of several placed videos: their images composited by depth."""
