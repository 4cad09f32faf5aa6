"""The section Scene: which videos are shown, and where, when and how much of each."""

from __future__ import annotations

from dataclasses import replace

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from model.placement import SCALES, Placement
from model.scene import PlacedVideo
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.scene_edits import crop_of, names_of
from viewer.app.scene_file import ANGLES, DISTANCES, OFFSETS
from viewer.widgets.controls import action_buttons, button, checkbox, elided, em, heading, tooltip
from viewer.widgets.numbers import dragged_number, dragged_triple

ICON = 2.0
"""Width of a button with an icon, text heights."""

TOOL_LABELS = (
    ("view.tool_move", "Move"),
    ("view.tool_rotate", "Rotate"),
    ("view.tool_scale", "Scale"),
    ("view.tool_crop", "Crop"),
)
"""Action and label of the buttons of the tools."""

POSITION = "Where the origin of the video is in the scene, meters."
ROTATION = "Turns about the x, y and z axes of the scene, in this order, degrees."
SCALE = "Size in the scene over the size of the video."
OFFSET = "When the video begins, seconds. Before that it shows its first frame, and after its end the last one."


class ScenePanel:
    """Controls of the scene of the front document.

    Args:
        actions: runs the actions of the buttons.
    """

    title = "Scene"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        if document is None:
            imgui.text_disabled("No video is open.")
            return
        self._draw_list(app, document)
        action_buttons(self._actions, ("file.add_video", "Add video..."), ("file.save_scene", "Save scene..."))
        heading("Change with the mouse")
        action_buttons(self._actions, *TOOL_LABELS, active=f"view.tool_{app.scenes.tool}")
        placed = document.placed[document.selected_video]
        changed = self._draw_crop(self._draw_place(placed))
        if changed is not placed:
            app.scenes.change(document, changed)

    def _draw_list(self, app: ViewerApp, document: Document) -> None:
        videos = document.placed
        for index, (placed, name) in enumerate(zip(videos, names_of(videos), strict=True)):
            imgui.push_id(index)
            self._draw_entry(app, document, index, placed, name)
            imgui.pop_id()
        if app.scenes.adding:
            imgui.text_disabled("Reading ...")

    def _draw_entry(self, app: ViewerApp, document: Document, index: int, placed: PlacedVideo, name: str) -> None:
        icons_width = 2 * em(ICON) + 2 * em(0.3)
        room = imgui.get_content_region_avail().x - icons_width
        shown, chosen = elided(name, room - em(0.3)), index == document.selected_video
        imgui.push_style_var(imgui.StyleVar_.selectable_text_align, (0.0, 0.5))
        clicked, _ = imgui.selectable(f"{shown}###entry", chosen, 0, (room, imgui.get_frame_height()))
        imgui.pop_style_var()
        if clicked:
            document.selected_video = index
            app.redraw.request()
        tooltip(f"{placed.path or name}\nSelect this video to place it.")
        imgui.same_line(0, em(0.3))
        eye = icons.ICON_FA_EYE if placed.visible else icons.ICON_FA_EYE_SLASH
        if button(f"{eye}###visible", "Show or hide this video.", width=em(ICON)):
            changed = replace(placed, visible=not placed.visible)
            app.scenes.arrange(document, (*document.placed[:index], changed, *document.placed[index + 1 :]))
        imgui.same_line(0, em(0.3))
        tip = "Remove this video from the scene. Its file stays."
        if button(f"{icons.ICON_FA_TRASH}###remove", tip, len(document.placed) > 1, width=em(ICON)):
            app.scenes.remove(document, index)

    def _draw_place(self, placed: PlacedVideo) -> PlacedVideo:
        heading("Place and time")
        place = placed.placement
        position = dragged_triple("Position", place.position, *DISTANCES, POSITION, "%.2f", 0.005)
        rotation = dragged_triple("Rotation", place.rotation, *ANGLES, ROTATION, "%.1f", 0.5)
        scale = dragged_number("Scale", place.scale, *SCALES, SCALE, "%.3f", 0.005)
        offset = dragged_number("Time offset", place.time_offset, *OFFSETS, OFFSET, "%.2f s", 0.02)
        changed = Placement(position, rotation, scale, offset)
        tip = "Move the video to the origin of the scene, and reset its rotation, scale and time offset."
        if button("Reset the place", tip, place != Placement()):
            changed = Placement()
        return placed if changed == place else replace(placed, placement=changed)

    def _draw_crop(self, placed: PlacedVideo) -> PlacedVideo:
        heading("Crop box")
        on = checkbox("Crop", placed.crop is not None, "Show only the part of the video inside a box.")
        if on != (placed.crop is not None):
            return replace(placed, crop=crop_of(placed) if on else None)
        if placed.crop is None:
            return placed
        tip = "corner of the box, meters, in the coordinates of the video."
        low = dragged_triple("From", placed.crop[0], *DISTANCES, f"Lower {tip}", "%.2f", 0.005)
        high = dragged_triple("To", placed.crop[1], *DISTANCES, f"Upper {tip}", "%.2f", 0.005)
        if button("Reset the box", "Make the box as large as the video, so that all of it is shown."):
            return replace(placed, crop=crop_of(replace(placed, crop=None)))
        if (low, high) == placed.crop:
            return placed
        # A face that is moved past the opposite one takes it along.
        first = tuple(min(a, b) for a, b in zip(low, high, strict=True)) if high != placed.crop[1] else low
        last = tuple(max(a, b) for a, b in zip(low, high, strict=True)) if low != placed.crop[0] else high
        return replace(placed, crop=(first, last))  # type: ignore[arg-type]
