"""The settings dialog."""

from __future__ import annotations

from dataclasses import is_dataclass

from imgui_bundle import imgui

from renderer.frame_cache import default_budget
from viewer.app.app import ViewerApp
from viewer.dialogs.modal import begin_columns, begin_dialog
from viewer.settings import INITIAL_VIEWS, THEMES, reset_settings
from viewer.widgets.controls import button, checkbox, choice, elided, field, heading, slider, tooltip

MODES = ("loop", "ping-pong", "once")


class SettingsDialog:
    """Changes the settings in place. They are saved when the dialog or the viewer closes."""

    def __init__(self) -> None:
        self._reset_asked = False

    def draw(self, app: ViewerApp) -> None:
        """Draw while it is open."""
        if "settings" not in app.window.dialogs:
            self._reset_asked = False
            return
        visible, opened = begin_dialog("Settings", 41.5)
        if visible:
            self._draw_columns(app)
            self._draw_reset(app)
        imgui.end()
        if not opened:
            app.window.dialogs.discard("settings")
            app.save_settings()

    def _draw_columns(self, app: ViewerApp) -> None:
        if not begin_columns():
            return
        for groups in ((self._draw_window, self._draw_playback), (self._draw_navigation, self._draw_files)):
            imgui.table_next_column()
            for draw in groups:
                draw(app)
        imgui.end_table()

    def _draw_window(self, app: ViewerApp) -> None:
        heading("Window")
        window = app.settings.window
        window.theme = choice("Theme", window.theme, THEMES, "Colors of the interface.")
        scale = slider("Interface size", window.ui_scale, 0.5, 4.0, "Size of text and controls.", "%.2fx")
        if not imgui.is_item_active() or imgui.is_item_deactivated_after_edit():
            window.ui_scale = scale
        window.show_tooltips = checkbox("Tooltips", window.show_tooltips, "Explain the control under the mouse.")

    def _draw_playback(self, app: ViewerApp) -> None:
        heading("Newly opened videos")
        playback, navigation = app.settings.playback, app.settings.navigation
        playback.autoplay = checkbox("Play when opened", playback.autoplay, "Start playback when a video is opened.")
        playback.mode = choice("At the end", playback.mode, MODES, "What happens at the end of the range.")
        tip = "The view a video opens with. Videos without capture cameras open with the whole scene in view."
        navigation.initial_view = choice("Initial view", navigation.initial_view, INITIAL_VIEWS, tip)

    def _draw_navigation(self, app: ViewerApp) -> None:
        heading("Camera and mouse")
        navigation = app.settings.navigation
        tip = "Vertical field of view of newly opened videos."
        navigation.field_of_view = slider("Field of view", navigation.field_of_view, 5.0, 120.0, tip, "%.0f°")
        tip = "How far a drag turns the camera."
        navigation.orbit_speed = slider("Orbit speed", navigation.orbit_speed, 0.1, 5.0, tip, "%.2fx", True)
        tip = "How far the wheel moves the camera."
        navigation.dolly_speed = slider("Dolly speed", navigation.dolly_speed, 0.1, 5.0, tip, "%.2fx", True)
        navigation.invert_wheel = checkbox("Invert the wheel", navigation.invert_wheel, "Scroll up to move away.")

    def _draw_files(self, app: ViewerApp) -> None:
        heading("Files and memory")
        settings = app.settings
        hint = "where the viewer started"
        _, settings.recording.folder = imgui.input_text_with_hint(field("Output folder"), hint, settings.recording.folder)
        tooltip("Where screenshots and recordings go. Leave it empty for the folder that the viewer was started in.")
        used = float(settings.rendering.cache_mebibytes or default_budget(app.rendering.renderer) >> 20)
        tip = "Memory for decoded frames of each open video."
        chosen = slider("Cache", used, 64.0, 65536.0, tip, "%.0f MiB", True)
        if chosen != used:
            settings.rendering.cache_mebibytes = round(chosen)
        streaming = settings.streaming
        tip = "Maximum disk space for videos from servers. The parts that were used longest ago are deleted first."
        size = float(streaming.cache_mebibytes)
        streaming.cache_mebibytes = round(slider("Cache on disk", size, 64.0, 262144.0, tip, "%.0f MiB", True))
        hint = "system default"
        _, streaming.folder = imgui.input_text_with_hint(field("Cache folder"), hint, streaming.folder)
        tooltip("Folder for the cache of videos from servers. It is used for videos that are opened from now on.")

    def _draw_reset(self, app: ViewerApp) -> None:
        imgui.separator()
        if app.settings_file is not None:
            imgui.text_disabled(elided(str(app.settings_file), imgui.get_content_region_avail().x))
            tooltip(f"Settings are saved in {app.settings_file}.")
        if not self._reset_asked:
            tip = "Set all settings to their defaults, except for the list of recent files. A dialog asks first."
            self._reset_asked = button("Reset all settings...", tip)
            return
        imgui.text("Set all settings to their defaults?")
        if button("Reset", "Your settings are lost. The list of recent files is kept."):
            reset_everything(app)
            self._reset_asked = False
        imgui.same_line()
        if button("Cancel", "Keep all settings as they are."):
            self._reset_asked = False


def reset_everything(app: ViewerApp) -> None:
    """Return all settings to their defaults, and the renderer and the flying of open videos with them.

    The recent files stay.
    """
    settings, fresh = app.settings, reset_settings(app.settings)
    for name, section in vars(settings).items():
        if is_dataclass(section):  # updated in place, since panels hold it
            vars(section).update(vars(vars(fresh)[name]))
    for document in app.documents.all:
        motion = document.camera.fly_motion
        motion.speed, motion.time_constant = settings.navigation.fly_speed, settings.navigation.fly_smoothing
    wanted = settings.rendering.backend, settings.rendering.threads
    if wanted != (app.rendering.backend, app.rendering.threads):
        app.set_backend(*wanted)
