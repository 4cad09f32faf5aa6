"""The menu View: what each pixel shows, overlays, comparison, layouts of the window."""

from __future__ import annotations

from collections.abc import Callable

from viewer.actions.action import SEPARATOR, Action, menu
from viewer.actions.conditions import OPEN
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison
from viewer.settings import DisplaySettings as View


def toggle_box(view: View) -> None:
    """Show or hide the scene's box."""
    view.show_box = not view.show_box


def toggle_cells(view: View) -> None:
    """Show or hide the occupied cells."""
    view.show_cells = not view.show_cells


def toggle_cameras(view: View) -> None:
    """Show or hide the capture cameras."""
    view.show_cameras = not view.show_cameras


def toggle_path(view: View) -> None:
    """Show or hide the camera path."""
    view.show_path = not view.show_path


def toggle_axes(view: View) -> None:
    """Show or hide the world's axes."""
    view.show_axes = not view.show_axes


def toggle_grid(view: View) -> None:
    """Show or hide the ground grid."""
    view.show_grid = not view.show_grid


def toggle_comparison(app: ViewerApp, mode: Comparison) -> None:
    """Compare in this way, or not at all."""
    compare = app.compare
    compare.mode = Comparison.NONE if compare.mode is mode else mode
    if compare.mode is not Comparison.NONE and compare.view_renderer is None:
        app.messages.set_status("Choose what to compare with in the section Compare")
        app.window.focus_panel("Compare")


def _layout(name: str, key: str, label: str, tooltip: str) -> Action:
    def run(app: ViewerApp) -> None:
        app.settings.window.layout, app.window.hide_interface = name, False

    return Action(f"view.{name}", label, tooltip, run, key, checked=lambda app: app.settings.window.layout == name)


def _show(mode: str, key: str, label: str, tooltip: str) -> Action:
    def run(app: ViewerApp) -> None:
        app.settings.view.mode = mode

    return Action(f"view.{mode}", label, tooltip, run, key, OPEN, checked=lambda app: app.settings.view.mode == mode)


def _overlay(
    name: str, key: str, label: str, tooltip: str, toggle: Callable[[View], None], shown: Callable[[View], bool]
) -> Action:
    def run(app: ViewerApp) -> None:
        toggle(app.settings.view)

    return Action(f"view.{name}", label, tooltip, run, key, OPEN, checked=lambda app: shown(app.settings.view))


def _compare(name: str, key: str, mode: Comparison, label: str, tooltip: str) -> Action:
    def run(app: ViewerApp) -> None:
        toggle_comparison(app, mode)

    return Action(f"view.{name}", label, tooltip, run, key, OPEN, checked=lambda app: app.compare.mode is mode)


def _tool(name: str, key: str, label: str, tooltip: str) -> Action:
    def run(app: ViewerApp) -> None:
        app.scenes.toggle_tool(name)

    return Action(f"view.tool_{name}", label, tooltip, run, key, OPEN, checked=lambda app: app.scenes.tool == name)


VIEW = menu(
    _show("color", "Alt+1", "Color", "Show the rendered color."),
    _show("depth", "Alt+2", "Depth", "Show the distance to the surface."),
    _show("opacity", "Alt+3", "Opacity", "Show how opaque each pixel is."),
    _show("normals", "Alt+4", "Normals", "Show surface directions, computed from the depth."),
    _show("density_samples", "Alt+5", "Density samples", "Show the number of density samples per ray."),
    _show("color_samples", "Alt+6", "Color samples", "Show the number of color samples per ray."),
    _show("heads", "Alt+7", "Color heads", "Show which head of the color MLP map colors each pixel."),
    SEPARATOR,
    _overlay("box", "B", "Box", "Show the bounding box of the frame.", toggle_box, lambda view: view.show_box),
    _overlay(
        "cells",
        "C",
        "Occupied cells",
        "Show the occupied cells of the occupancy volume.",
        toggle_cells,
        lambda view: view.show_cells,
    ),
    _overlay(
        "cameras", "V", "Capture cameras", "Show the cameras of the capture.", toggle_cameras, lambda view: view.show_cameras
    ),
    _overlay(
        "path", "Shift+P", "Camera path", "Show the camera path and its keyframes.", toggle_path, lambda view: view.show_path
    ),
    _overlay("axes", "X", "Axes", "Show the world's axes.", toggle_axes, lambda view: view.show_axes),
    _overlay("grid", "G", "Ground grid", "Show a grid on the ground.", toggle_grid, lambda view: view.show_grid),
    SEPARATOR,
    _tool(
        "move",
        "Alt+M",
        "Move the video",
        "Show arrows that move the selected video of the scene. Ctrl: in steps, 0.1 m for a person.",
    ),
    _tool(
        "rotate",
        "Alt+R",
        "Rotate the video",
        "Show rings that turn the selected video of the scene. Ctrl: in steps of 15 degrees.",
    ),
    _tool(
        "scale", "Alt+S", "Scale the video", "Show handles that change the size of the selected video. Ctrl: in steps of 0.1."
    ),
    _tool("crop", "Alt+C", "Crop the video", "Show a box whose faces limit what is shown of the selected video."),
    SEPARATOR,
    _compare("split", "Y", Comparison.DIVIDER, "Split view", "Compare with another video or backend."),
    _compare("difference", "Shift+Y", Comparison.DIFFERENCE, "Difference", "Show the difference between the two sides."),
    SEPARATOR,
    _layout("watch", "F2", "Watch", "Show the picture and the timeline."),
    _layout("inspect", "F3", "Inspect", "Show the inspector next to the picture."),
    _layout("direct", "F4", "Direct", "Show the camera path below the timeline, and the inspector."),
)
