"""The widget of notebooks: its controls change the image, and `mlpvid.view` shows it in the output of a cell."""

from __future__ import annotations

import asyncio
import base64
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

import mlpvid
from model.bundle.write import write_bundle
from tests.factories import make_video
from viewer.notebook import NotebookView, in_notebook

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def video(tmp_path: Path) -> mlpvid.Video:
    write_bundle(make_video(num_frames=5), tmp_path / "small.mlpvid")
    return mlpvid.open(tmp_path / "small.mlpvid", backend="cpu")


def pixels(view: NotebookView) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(view.image.value))).astype(int)


def test_the_first_image_is_the_overview(video: mlpvid.Video) -> None:
    view = NotebookView(video, (48, 32), quality=100)
    expected = 255 * video.render(frame=0, size=(48, 32)).rgba[..., :3]
    assert pixels(view).shape == (32, 48, 3) and np.abs(pixels(view) - expected).mean() < 3  # JPEG


def test_every_control_changes_the_image(video: mlpvid.Video) -> None:
    view = NotebookView(video, (48, 32), quality=100)
    seen = [pixels(view)]
    for control, value in ((view.frame, 3), (view.turn, 90.0), (view.tilt, 40.0), (view.closer, 6.0)):
        control.value = value
        assert np.abs(pixels(view) - seen[-1]).max() > 20
        seen.append(pixels(view))
    expected = 255 * video.render(frame=3, camera=view.camera()).rgba[..., :3]
    assert np.abs(pixels(view) - expected).mean() < 3
    for control in (view.frame, view.turn, view.tilt, view.closer):
        control.value = 0
    np.testing.assert_array_equal(pixels(view), seen[0])


def test_a_turn_goes_around_the_subject_at_its_distance(video: mlpvid.Video) -> None:
    view = NotebookView(video, (48, 32), quality=100)
    center, before = video.bounds.mean(axis=0), view.camera()
    view.turn.value = 90.0
    arms = [camera.center - center for camera in (before, view.camera())]
    assert arms[0][2] == pytest.approx(arms[1][2]) and arms[0][:2] @ arms[1][:2] == pytest.approx(0, abs=1e-6)
    view.closer.value = 5.0
    assert np.linalg.norm(view.camera().center - center) == pytest.approx(np.linalg.norm(arms[1]) * np.exp(-0.5))


class FakeEvent:
    """Stands for `ipyevents.Event`, and sends what a browser would."""

    def __init__(self, source: Any, watched_events: list[str], **_: Any) -> None:
        self.source, self.watched = source, watched_events

    def on_dom_event(self, handler: Callable[[dict[str, Any]], None]) -> None:
        self.send = handler


@pytest.fixture
def mouse(monkeypatch: pytest.MonkeyPatch) -> list[FakeEvent]:
    created: list[FakeEvent] = []

    def create(**options: Any) -> FakeEvent:
        created.append(FakeEvent(**options))
        return created[-1]

    monkeypatch.setitem(sys.modules, "ipyevents", SimpleNamespace(Event=create))
    return created


def moved(x: int, y: int, buttons: int = 1, kind: str = "mousemove") -> dict[str, Any]:
    return {"type": kind, "clientX": x, "clientY": y, "buttons": buttons}


def test_dragging_over_the_image_turns_the_camera_as_in_the_window(video: mlpvid.Video, mouse: list[FakeEvent]) -> None:
    view = NotebookView(video, (48, 36))
    assert mouse[0].source is view.image
    before = pixels(view)
    for event in (moved(9, 9, 0), moved(10, 10, kind="mousedown"), moved(12, 10), moved(16, 12), moved(16, 12, 0, "mouseup")):
        mouse[0].send(event)
    assert (view.turn.value, view.tilt.value) == (-30, 10), "180 degrees are 36 pixels"
    assert np.abs(pixels(view) - before).max() > 20
    mouse[0].send(moved(40, 30, 0))
    mouse[0].send(moved(0, 0, 2))
    assert (view.turn.value, view.tilt.value) == (-30, 10), "only the left button turns"
    for event in (moved(0, 0), moved(32, 40)):
        mouse[0].send(event)
    assert (view.turn.value, view.tilt.value) == (170, 80), "around the subject, but not over its top"


def test_the_wheel_over_the_image_moves_the_camera(video: mlpvid.Video, mouse: list[FakeEvent]) -> None:
    view = NotebookView(video, (48, 36))
    mouse[0].send({"type": "wheel", "deltaY": -200, "deltaMode": 0})
    assert view.closer.value == 2
    mouse[0].send({"type": "wheel", "deltaY": 3, "deltaMode": 1})
    assert view.closer.value == 1


def test_events_that_wait_are_shown_in_one_image(video: mlpvid.Video, mouse: list[FakeEvent]) -> None:
    view = NotebookView(video, (48, 36))
    images: list[bytes] = []
    view.image.observe(lambda change: images.append(change.new), "value")

    async def drag() -> None:
        for x in range(10):
            mouse[0].send(moved(x, 0))
        assert not images
        while not images:
            await asyncio.sleep(0.01)

    asyncio.run(drag())
    assert len(images) == 1 and view.turn.value == -45


def test_without_ipyevents_there_are_the_sliders(video: mlpvid.Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipyevents", None)
    assert NotebookView(video, (48, 36)).mouse is None


def test_without_ipywidgets_it_says_what_to_install(video: mlpvid.Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(mlpvid.InputError, match="needs the package ipywidgets; pip install ipywidgets"):
        NotebookView(video)


def test_outside_a_notebook_the_window_is_opened(video: mlpvid.Video, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("viewer.commands.start.why_no_window", lambda: "")
    monkeypatch.setattr("viewer.commands.start.show_video", lambda *arguments: shown.append(arguments))
    assert not in_notebook()
    mlpvid.view(video)
    assert shown == [(video.content, video.path, "cpu", None)]


@pytest.mark.slow
def test_the_example_shows_images_and_the_widget(tmp_path: Path) -> None:
    path = tmp_path / "small.mlpvid"
    write_bundle(make_video(num_frames=41), path)
    notebook = nbformat.read(ROOT / "examples" / "08_notebook.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells[0].source = cells[0].source.replace("mlpvid.DEMO", repr(str(path)))
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    data = [output.data for cell in cells for output in cell.outputs]
    assert "Video" in data[0]["text/plain"]
    for image in data[1:3]:
        assert np.asarray(Image.open(io.BytesIO(base64.b64decode(image["image/png"])))).max() > 30
    model = data[3]["application/vnd.jupyter.widget-view+json"]["model_id"]
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert states[model]["model_name"] == "VBoxModel"
    names = [state["model_name"] for state in states.values()]
    assert names.count("ImageModel") == 1 and names.count("FloatSliderModel") == 3 and names.count("PlayModel") == 1
