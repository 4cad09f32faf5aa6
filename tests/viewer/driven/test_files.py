"""Files and the window: drop, reload, download, recent files, compare, export."""

from __future__ import annotations

import functools
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.bundle.info import write_bundle
from renderer.reference.renderer import ReferenceRenderer
from tests import waiting
from tests.factories import make_camera, make_video
from tests.viewer.conftest import SMALL, DriveWindow, open_document, screenshot, wait_for_image, wait_until
from tests.viewer.driven.test_actions import press
from viewer.actions.file import clear_cache
from viewer.app.app import ViewerApp
from viewer.app.drop import take_dropped
from viewer.app.places import place_of
from viewer.app.window_state import FocusPanel
from viewer.dialogs.prompts import PROMPTS
from viewer.export.image_files import save_png
from viewer.picture.comparison import Comparison

BROWSER = {name: f"//{prompt.title}###{name}" for name, prompt in PROMPTS.items()}
"""Windows of the file browser."""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine: its address and the folder that it serves."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}", folder
        served.shutdown()


@pytest.mark.slow
def test_a_url_is_typed_and_opened(app: ViewerApp, drive: DriveWindow, server: tuple[str, Path], tmp_path: Path) -> None:
    app.settings.streaming.folder = str(tmp_path / "cache")
    address, folder = server
    write_bundle(make_video(seed=5, num_frames=2), folder / "web.mlpvid")

    def look(context: Any) -> None:
        press(context, "file.open_url")
        context.yield_(4)
        context.item_input_value("//Open a URL/###answer", "http://[::1/x.mlpvid")
        context.yield_(2)
        assert "url" in app.window.dialogs and not app.jobs.running, "the dialog shows that it is not an address"
        context.item_input_value("//Open a URL/###answer", f"{address}/web.mlpvid")
        if "url" in app.window.dialogs:
            context.item_click("//Open a URL/Open")
        wait_until(context, lambda: len(app.documents.all) == 2)
        assert open_document(app).path.name == "web.mlpvid"
        assert app.settings.recent_files[0] == str(open_document(app).path) == f"{address}/web.mlpvid"
        assert app.streams.cache_used() > (folder / "web.mlpvid").stat().st_size
        clear_cache(app)
        wait_until(context, lambda: app.streams.cache_used() == 0)
        app.documents.open(place_of(app.settings.recent_files[0]))
        assert len(app.documents.all) == 2 and not app.jobs.running, "its tab is shown"
        write_bundle(make_video(seed=6, num_frames=3), folder / "web.mlpvid")
        press(context, "file.reload")
        wait_until(context, lambda: open_document(app).video.num_frames == 3)
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_a_wrong_path_is_shown_in_the_dialog(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.window.dialogs.add("open")
        context.yield_(4)
        context.item_input_value(f"{BROWSER['open']}/##file_input", "/no/such.mlpvid")
        context.yield_(2)
        assert "open" in app.window.dialogs and not app.messages.errors
        screenshot(context, "wrong-path")
        context.item_click(f"{BROWSER['open']}/Cancel")
        context.yield_(2)
        assert "open" not in app.window.dialogs

    drive(app, look)


@pytest.mark.slow
def test_a_file_is_found_by_walking_through_folders(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    (tmp_path / "videos" / "empty").mkdir(parents=True)
    write_bundle(make_video(seed=2, num_frames=4), tmp_path / "videos" / "kept.mlpvid")
    (tmp_path / "videos" / "notes.txt").write_text("not listed")
    app.settings.recording.folder = str(tmp_path / "videos" / "empty")

    def look(context: Any) -> None:
        app.window.dialogs.add("open")
        context.yield_(4)
        context.item_click(f"{BROWSER['open']}/Up")
        context.yield_(3)
        assert context.item_exists("**/###empty") and not context.item_exists("**/###notes.txt")
        context.item_double_click("**/###empty")
        context.yield_(3)
        assert not context.item_exists("**/###kept.mlpvid")
        context.item_click(f"{BROWSER['open']}/Up")
        context.item_click("**/###kept.mlpvid")
        screenshot(context, "browser")
        context.item_click(f"{BROWSER['open']}/Open")
        wait_until(context, lambda: open_document(app).path.name == "kept.mlpvid")
        assert "open" not in app.window.dialogs and not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_a_path_is_not_written_over_unasked(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    target = tmp_path / "path.json"
    target.write_text("precious")

    def look(context: Any) -> None:
        document = open_document(app)
        document.camera_path.append(0, make_camera(8, 8))
        app.window.dialogs.add("save_path")
        context.yield_(4)
        context.item_input_value(f"{BROWSER['save_path']}/##file_input", str(target.with_suffix("")))
        context.yield_(4)
        assert target.read_text() == "precious" and "save_path" in app.window.dialogs
        screenshot(context, "browser-replace")
        context.item_click("//Replace the file?/Replace")
        context.yield_(4)
        assert json.loads(target.read_text())["keyframes"] and "save_path" not in app.window.dialogs
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "beginning"), [("path", b"glTF"), ("path.json", b"{")])
def test_a_path_is_exported(app: ViewerApp, drive: DriveWindow, tmp_path: Path, name: str, beginning: bytes) -> None:
    """For Blender unless the name ends in .json."""

    def look(context: Any) -> None:
        document = open_document(app)
        document.camera_path.append(0, make_camera(8, 8))
        app.window.dialogs.add("export_path")
        context.yield_(4)
        context.item_input_value(f"{BROWSER['export_path']}/##file_input", str(tmp_path / name))
        context.yield_(4)
        assert "export_path" not in app.window.dialogs and not app.messages.errors

    drive(app, look)
    (written,) = tmp_path.glob("path.*")
    assert written.suffix == (Path(name).suffix or ".glb") and written.read_bytes().startswith(beginning)


@pytest.mark.slow
def test_reloads_when_the_file_changes(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    path = tmp_path / "changing.mlpvid"
    write_bundle(make_video(seed=1, num_frames=3), path)

    def look(context: Any) -> None:
        app.documents.open(path)
        wait_until(context, lambda: len(app.documents.all) == 2)
        document = open_document(app)
        document.playback.seek(2)
        wait_for_image(context, app)
        write_bundle(make_video(seed=2, num_frames=5), path)
        os.utime(path, (1, 1))
        wait_until(context, lambda: document.video.num_frames == 5)
        assert len(app.documents.all) == 2 and document.playback.frame == 2
        wait_for_image(context, app)
        assert not app.messages.errors

    drive(app, look)


def test_what_is_dropped(app: ViewerApp, tmp_path: Path) -> None:
    document = open_document(app)
    camera = make_camera(40, 30, azimuth=1.0)
    (tmp_path / "camera.json").write_text(json.dumps(camera.to_dict()))
    take_dropped(app, str(tmp_path / "camera.json"))
    np.testing.assert_array_equal(document.camera.to_camera(40, 30).R, camera.R)
    keyframe = {"time": 0, "frame": 1, "camera": camera.to_dict()}
    (tmp_path / "path.json").write_text(json.dumps({"keyframes": [keyframe]}))
    take_dropped(app, str(tmp_path / "path.json"))
    waiting.wait_until(lambda: len(document.camera_path), lambda: app.update(0.01))
    assert len(document.camera_path) == 1 and app.window.requests == [FocusPanel("Path")]
    assert not app.messages.errors
    save_png(tmp_path / "shot.PNG", np.zeros((30, 40, 3), np.uint8), make_camera(40, 30, azimuth=2.0))
    take_dropped(app, str(tmp_path / "shot.PNG"))
    turned = make_camera(40, 30, azimuth=2.0).R
    waiting.wait_until(lambda: bool((turned == document.camera.to_camera(40, 30).R).all()), lambda: app.update(0.01))
    write_bundle(make_video(seed=4, num_frames=2), tmp_path / "dropped.mlpvid")
    take_dropped(app, str(tmp_path / "dropped.mlpvid"))
    waiting.wait_until(lambda: len(app.documents.all) == 2, lambda: app.update(0.01))
    assert open_document(app).path == tmp_path / "dropped.mlpvid"
    for name, content in (("a.txt", ""), ("b.json", "{"), ("c.png", "no"), ("d.json", "5"), ("e.json", '"keyframes"')):
        (tmp_path / name).write_text(content)
        take_dropped(app, str(tmp_path / name))
        waiting.wait_until(lambda: bool(app.messages.errors), lambda: app.update(0.01))
        assert app.messages.errors.pop().title == f"Cannot open {name}"


def test_recent_files_are_remembered(app: ViewerApp, tmp_path: Path) -> None:
    app.settings_file = tmp_path / "settings.yaml"
    app.documents.add(tmp_path / "x.mlpvid", make_video(num_frames=1))
    assert app.settings.recent_files[0] == str(tmp_path / "x.mlpvid")
    app.save_settings()
    from viewer.settings_file import load_settings

    assert load_settings(app.settings_file)[0].recent_files[0] == str(tmp_path / "x.mlpvid")


@pytest.mark.slow
def test_comparing_backends(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.settings.rendering.render_scale = 0.1
        app.compare.set_source("reference backend", ReferenceRenderer(), app.documents.front_video, 1 << 28)
        app.compare.mode = Comparison.DIVIDER
        app.window.focus_panel("Compare")
        wait_for_image(context, app)
        wait_until(context, lambda: app.compare.psnr is not None and not app.compare.view_renderer.worker.busy)  # type: ignore[union-attr]
        assert app.compare.psnr is not None and app.compare.psnr > 40  # two backends, one video
        context.yield_(3)
        screenshot(context, "split")
        box = context.item_info("//Picture/###view").rect_full
        context.mouse_move_to_pos(((box.min.x + box.max.x) / 2, box.max.y - 60))
        context.mouse_down(0)
        context.mouse_move_to_pos((box.min.x * 0.75 + box.max.x * 0.25, box.max.y - 60))
        context.mouse_up(0)
        assert app.compare.divider == pytest.approx(0.25, abs=0.01)
        app.compare.mode = Comparison.DIFFERENCE
        context.yield_(3)
        screenshot(context, "difference")

    drive(app, look)


def test_exports_a_mesh(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    app.settings.recording.folder = str(tmp_path)

    def look(context: Any) -> None:
        app.window.dialogs.add("export_mesh")
        context.yield_(4)
        context.item_input_value("//Export mesh/###Resolution", 24)
        screenshot(context, "export")
        context.item_click("//Export mesh/Export")
        wait_until(context, lambda: not app.jobs.running and bool(app.messages.last))
        files = list(tmp_path.glob("*.ply"))
        assert len(files) == 1 and files[0].read_bytes().startswith(b"ply\n")

    drive(app, look)


def test_the_suggested_name_of_an_export_fits_the_choices_until_the_user_types(
    app: ViewerApp, drive: DriveWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.settings.recording.folder = str(tmp_path)
    written: list[tuple[str, tuple[int, int]]] = []

    def export(video: Any, output: Path, frames: tuple[int, int], *_: Any) -> list[Path]:
        written.append((output.name, frames))
        return [output]

    monkeypatch.setattr("viewer.dialogs.export.export_meshes", export)

    def exported(context: Any, *choices: tuple[str, str]) -> tuple[str, tuple[int, int]]:
        app.window.dialogs.add("export_mesh")
        context.yield_(3)
        for control, value in choices:
            if control == "File":
                context.item_input_value("//Export mesh/###File", value)
            else:
                context.item_click(f"//Export mesh/###{control}")
                context.item_click(f"//##Combo_00/**/{value}")
            context.yield_(2)
        before = len(written)
        context.item_click("//Export mesh/Export")
        wait_until(context, lambda: len(written) > before and not app.jobs.running)
        return written[-1]

    def look(context: Any) -> None:
        clock = open_document(app).playback
        clock.seek(3)
        assert exported(context) == ("random-mesh-00003.ply", (3, 4))
        app.window.dialogs.add("export_mesh")
        context.yield_(3)
        clock.seek(5)  # the window stays usable
        context.yield_(3)
        assert exported(context) == ("random-mesh-00005.ply", (5, 6))
        frames = "0 to 11, one file each"
        assert exported(context, ("Frames", frames), ("Format", "glTF (.glb)")) == ("random-mesh.glb", (0, 12))
        (tmp_path / "random-mesh.glb").touch()
        assert exported(context) == ("random-mesh-2.glb", (0, 12))
        typed = str(tmp_path / "my.model.glb")
        assert exported(context, ("File", typed), ("Format", "PLY")) == ("my.model.ply", (0, 12))

    drive(app, look, SMALL)


def test_maps_are_shown(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.window.focus_panel("Maps")
        context.yield_(4)
        wait_until(context, lambda: bool(context.item_exists("//Inspector/Maps/image Color yz")))
        wait_for_image(context, app)
        screenshot(context, "maps")
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_a_workspace_is_saved_and_a_lost_one_restored(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    bundle = tmp_path / "kept.mlpvid"
    write_bundle(make_video(seed=2, num_frames=4), bundle)

    def look(context: Any) -> None:
        app.documents.close(0)
        app.documents.open(bundle)
        wait_until(context, lambda: app.document is not None)
        open_document(app).playback.seek(2)
        press(context, "file.save_workspace")
        context.yield_(4)
        context.item_input_value(f"{BROWSER['save_workspace']}/##file_input", str(tmp_path / "work"))
        wait_until(context, (tmp_path / "work.json").is_file)
        open_document(app).playback.seek(0)
        app.workspaces.lost = tmp_path / "work.json"
        context.yield_(4)
        screenshot(context, "recovery")
        context.item_click("//###recovery/Restore")
        wait_until(context, lambda: app.document is not None and app.document.playback.time == 2)
        assert not (tmp_path / "work.json").exists() and not app.messages.errors

    drive(app, look)
