"""The menu View: what is shown of each pixel, overlays, comparison."""

from __future__ import annotations

from viewer.actions.action import Action
from viewer.actions.conditions import OPEN
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison


def _show(mode: str, number: int, label: str, tooltip: str) -> Action:
    def run(app: ViewerApp) -> None:
        app.settings.view.mode = mode

    return Action(
        f"view.{mode}", label, tooltip, run, (f"Alt+{number}",), OPEN, checked=lambda app: app.settings.view.mode == mode
    )


def toggle_box(app: ViewerApp) -> None:
    """Show or hide the scene's box."""
    app.settings.view.show_box = not app.settings.view.show_box


def toggle_cells(app: ViewerApp) -> None:
    """Show or hide the occupied cells."""
    app.settings.view.show_cells = not app.settings.view.show_cells


def toggle_cameras(app: ViewerApp) -> None:
    """Show or hide the capture cameras."""
    app.settings.view.show_cameras = not app.settings.view.show_cameras


def toggle_path(app: ViewerApp) -> None:
    """Show or hide the camera path."""
    app.settings.view.show_path = not app.settings.view.show_path


def toggle_axes(app: ViewerApp) -> None:
    """Show or hide the world's axes."""
    app.settings.view.show_axes = not app.settings.view.show_axes


def toggle_grid(app: ViewerApp) -> None:
    """Show or hide the ground grid."""
    app.settings.view.show_grid = not app.settings.view.show_grid


def toggle_comparison(app: ViewerApp, mode: Comparison) -> None:
    """Compare in this way, or not at all."""
    compare = app.compare
    compare.mode = Comparison.NONE if compare.mode is mode else mode
    if compare.mode is not Comparison.NONE and compare.view_renderer is None:
        app.messages.set_status("Choose what to compare with in the Compare panel")
        app.window.focus_panel("Compare")


VIEW = (
    _show("color", 1, "Color", "Show the rendered color."),
    _show("depth", 2, "Depth", "Show the distance to the surface."),
    _show("opacity", 3, "Opacity", "Show how opaque each pixel is."),
    _show("normals", 4, "Normals", "Show surface directions, computed from the depth."),
    _show("density_samples", 5, "Density samples", "Show the number of density samples per ray."),
    _show("color_samples", 6, "Color samples", "Show the number of color samples per ray."),
    _show("heads", 7, "Color heads", "Show which head of the color MLP map colors each pixel."),
    Action(
        "view.box",
        "Box",
        "Show the bounding box of the frame.",
        toggle_box,
        ("B",),
        OPEN,
        checked=lambda app: app.settings.view.show_box,
        starts_group=True,
    ),
    Action(
        "view.cells",
        "Occupied cells",
        "Show the occupied cells of the occupancy volume.",
        toggle_cells,
        ("C",),
        OPEN,
        checked=lambda app: app.settings.view.show_cells,
    ),
    Action(
        "view.cameras",
        "Capture cameras",
        "Show the cameras of the capture.",
        toggle_cameras,
        ("V",),
        OPEN,
        checked=lambda app: app.settings.view.show_cameras,
    ),
    Action(
        "view.path",
        "Camera path",
        "Show the camera path and its keyframes.",
        toggle_path,
        ("Shift+P",),
        OPEN,
        checked=lambda app: app.settings.view.show_path,
    ),
    Action(
        "view.axes",
        "Axes",
        "Show the world's axes.",
        toggle_axes,
        ("X",),
        OPEN,
        checked=lambda app: app.settings.view.show_axes,
    ),
    Action(
        "view.grid",
        "Ground grid",
        "Show a grid on the ground.",
        toggle_grid,
        ("G",),
        OPEN,
        checked=lambda app: app.settings.view.show_grid,
    ),
    Action(
        "view.split",
        "Split view",
        "Compare with another video or backend.",
        lambda app: toggle_comparison(app, Comparison.DIVIDER),
        ("Y",),
        OPEN,
        checked=lambda app: app.compare.mode is Comparison.DIVIDER,
        starts_group=True,
    ),
    Action(
        "view.difference",
        "Difference",
        "Show the difference between the two sides.",
        lambda app: toggle_comparison(app, Comparison.DIFFERENCE),
        ("Shift+Y",),
        OPEN,
        checked=lambda app: app.compare.mode is Comparison.DIFFERENCE,
    ),
)
