"""The sound in the window: its controls, its waveform, and recordings of the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imgui_bundle import imgui

from model.sound.decode import RATE, Samples
from model.sound.encode import encode_opus
from model.sound.stored import VideoSound
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, screenshot, wait_for_image, wait_until
from tests.viewer.sound.fake_device import FakeDevice, FakeTime
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.sound import Sound
from viewer.settings import THEMES


def _words(seconds: float) -> Samples:
    """Return noise that swells and fades like speech."""
    time = np.arange(round(seconds * RATE)) / RATE
    loudness = np.clip(np.sin(2.2 * time) * np.sin(9 * time) + 0.3 * np.sin(1.1 * time), 0, 1) ** 1.5
    noise = np.random.default_rng(3).normal(0, 6000, len(time))
    return np.stack([noise * loudness] * 2, axis=1).clip(-32768, 32767).astype(np.int16)


def _open(app: ViewerApp) -> tuple[Document, FakeDevice]:
    """Open a video of four seconds with a sound, and replace the sound device."""
    video, data = make_video(num_frames=120), encode_opus(_words(4.0))
    video.metadata.sound = VideoSound("words.opus", lambda: data)
    device = FakeDevice(FakeTime())
    app.sound.close()
    app.sound = Sound(app.settings.playback, app.messages, app.redraw.notify, device)
    app.documents.add(Path("words.mlpvid"), video)
    document = app.document
    assert document is not None
    return document, device


@pytest.mark.slow
def test_the_controls_and_the_waveform(app: ViewerApp, drive: DriveWindow) -> None:
    document, device = _open(app)
    playback = app.settings.playback

    def look(context: Any) -> None:
        wait_for_image(context, app)
        wait_until(context, lambda: app.sound.of(document) is not None)
        document.playback.toggle_marker(40)
        document.playback.set_in_point(20)
        document.playback.seek(30)
        for theme in THEMES:
            app.settings.window.theme = theme
            context.yield_(4)
            screenshot(context, f"sound-{theme}".replace(" ", "-"))
        document.playback.play()
        wait_until(context, lambda: device.playing)
        context.key_press(imgui.Key.mod_shift | imgui.Key.v)
        context.yield_(2)
        assert playback.muted and "Sound off" in app.messages.last
        screenshot(context, "sound-muted")
        context.item_click("//Timeline/###playback.mute")
        assert not playback.muted
        context.item_input_value("//Timeline/###volume", 40.0)
        context.yield_(2)
        assert playback.volume == pytest.approx(0.4)
        app.documents.show(0)
        context.yield_(3)
        assert not context.item_exists("//Timeline/###playback.mute"), "that video has no sound"
        assert not app.messages.errors

    drive(app, look)
