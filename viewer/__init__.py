"""The window: camera control, playback, panels, recorder."""

from pathlib import Path

__version__ = "0.1.0"
"""Version of the program; the same as in pyproject.toml."""

PROGRAM = "MLPVid"
"""The name of the program."""

SCENE_SUFFIX = ".mlpvid-scene"
"""Suffix of scene files, which show several bundles together (docs/scenes.md)."""

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo.mlpvid"
"""The bundle that comes with the viewer; it is opened when no other is named."""

DISPLAY_MODES = ("color", "depth", "opacity", "normals", "density_samples", "color_samples", "heads")
"""View modes, by the names that the actions "view.*" use."""

SCALAR_MODES = ("depth", "opacity", "density_samples", "color_samples")
"""View modes that show numbers through a color map."""

PROJECTIONS = ("perspective", "equirectangular", "stereo", "vr180")
"""Names of the projections. "stereo" and "vr180" have the left eye's image at the left and the right eye's at the right."""

COLOR_MAPS = ("turbo", "viridis", "magma", "inferno", "plasma", "coolwarm", "gray")
"""Names of the color maps of `viewer.picture.color_maps`."""
