"""The window on a real X server, driven from outside: drag, wheel, keys, screenshots, a recorded video."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from model.bundle.info import read_bundle, write_bundle
from tests.factories import make_video
from tests.viewer.videos import decode
from tests.waiting import wait_until
from viewer import cli as run_viewer
from viewer.export.image_files import read_png_camera
from viewer.export.record_options import RecordOptions, plan

REPOSITORY = Path(__file__).resolve().parents[3]

pytestmark = [
    pytest.mark.display,
    pytest.mark.slow,
    pytest.mark.xdist_group("display"),
    pytest.mark.skipif(not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="Xvfb and xdotool are not installed"),
]

ATTEMPTS = 10
"""How often to start an X server until one runs."""

FRAMES = 4
"""Frames of the video."""

W_PLACE = "25"
"""X's code of the key that is W on a US keyboard."""

CONFIG = """
playback: {autoplay: false}
view: {background: color, background_color: [0, 0, 0], show_grid: false}
rendering: {threads: 1}
recording: {quality: 6}
"""


@contextlib.contextmanager
def x_server(*options: str) -> Iterator[str]:
    """Yield the name of a virtual screen of 1024x768 pixels."""
    for _ in range(ATTEMPTS):
        number, server = start_x_server(*options)
        if number:
            break
        time.sleep(0.5)
    else:
        pytest.fail(f"Xvfb ended with status {server.returncode}")
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def start_x_server(*options: str) -> tuple[str, subprocess.Popen[bytes]]:
    """Start Xvfb. Return the number of its display, empty if it has ended: of two that start at once, one may fail."""
    reader, writer = os.pipe()
    # A server resets when its last client leaves, and refuses those that come meanwhile, unless it is told not to.
    command = ["Xvfb", "-noreset", "-displayfd", str(writer), "-screen", "0", "1024x768x24", "-nolisten", "tcp", *options]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.wait(10)
    return number, server


class Driver:
    """A running viewer and the mouse and keyboard of its screen."""

    def __init__(self, display: str, bundle: Path, folder: Path) -> None:
        self.folder, self.bundle = folder, bundle
        self._environment = {**os.environ, "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        for name in ("WAYLAND_DISPLAY", "LP_NUM_THREADS"):  # the window is drawn by as many threads as for a user
            self._environment.pop(name, None)
        (folder / "config.yaml").write_text(CONFIG)
        command = [sys.executable, str(REPOSITORY / "run_viewer.py"), str(bundle), "--window", "--config", "config.yaml"]
        command += ["--size", "640x480", "--frame", "2"]
        self.process = subprocess.Popen(command, cwd=folder, env=self._environment, stderr=subprocess.PIPE, text=True)
        self.wait_for(self._is_shown)
        time.sleep(2.0)

    def do(self, *arguments: str) -> str:
        """Run xdotool."""
        return self.run("xdotool", *arguments)

    def _is_shown(self) -> bool:
        command = ["xdotool", "search", "--onlyvisible", "--name", "MLPVid"]
        return subprocess.run(command, env=self._environment, check=False, capture_output=True, timeout=60).returncode == 0

    def run(self, *command: str) -> str:
        """Run a program on this screen."""
        return subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True, timeout=300).stdout

    def geometry(self) -> str:
        """Size of the window, WIDTHxHEIGHT."""
        printed = self.do("search", "--onlyvisible", "--name", "MLPVid", "getwindowgeometry")
        return printed.rsplit("Geometry: ", 1)[1].strip()

    def cpu_seconds(self) -> float:
        """Processor time that the viewer used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def render(self, camera: Path, frame: int, *options: str) -> np.ndarray:
        """Return the image that --render writes, (H, W, 3)."""
        target = self.folder / "render.png"
        options = ("--render", str(target), "--frame", str(frame), "--camera", str(camera), *options)
        assert run_viewer.main([str(self.bundle), *options]) == 0
        picture = np.asarray(Image.open(target)).astype(float)
        target.unlink()
        return picture

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds."""

        def check_that_it_runs() -> None:
            assert self.process.poll() is None, self.process.stderr.read() if self.process.stderr else ""
            time.sleep(0.1)

        wait_until(condition, check_that_it_runs)

    def screenshot(self) -> Path:
        """Press F12 and return the file that appears."""
        before = set(self.folder.glob("[!.]*.png"))
        time.sleep(1.0)
        self.do("key", "F12")
        self.wait_for(lambda: bool(set(self.folder.glob("[!.]*.png")) - before))
        (path,) = set(self.folder.glob("[!.]*.png")) - before
        return path


@contextlib.contextmanager
def running_viewer(folder: Path) -> Iterator[Driver]:
    """Yield the viewer with a small video open, on a screen of its own with OpenGL in software."""
    write_bundle(make_video(seed=3, num_frames=FRAMES), folder / "small.mlpvid")
    (folder / "work").mkdir()
    with x_server() as display:
        running = Driver(display, folder / "small.mlpvid", folder / "work")
        yield running
        running.process.kill()
        running.process.wait(10)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    """The viewer with a small video open."""
    with running_viewer(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared_driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """The same, for tests that depend neither on the frame nor on the camera, and leave the viewer at rest."""
    with running_viewer(tmp_path_factory.mktemp("shared")) as running:
        yield running


def test_mouse_and_keys(driver: Driver) -> None:
    before = read_png_camera(driver.screenshot())
    driver.do("mousemove", "200", "200", "mousedown", "1", "mousemove", "230", "210", "mousemove", "300", "220", "mouseup", "1")
    turned = read_png_camera(driver.screenshot())
    assert np.abs(turned.R - before.R).max() > 0.05
    driver.do("mousemove", "250", "200", "click", "4", "click", "4")
    near = read_png_camera(driver.screenshot())
    np.testing.assert_allclose(near.R, turned.R, atol=1e-12)
    assert np.linalg.norm(near.center - turned.center) > 0.1
    driver.do("key", "ctrl+z", "sleep", "0.3", "key", "ctrl+z")
    np.testing.assert_allclose(read_png_camera(driver.screenshot()).center, before.center, atol=1e-9)
    driver.do("key", "comma")
    assert Image.open(driver.screenshot()).text["mlpvid:frame"] == "1"  # type: ignore[attr-defined]
    driver.do("key", "ctrl+q")
    assert driver.process.wait(300) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_idling_costs_nothing(shared_driver: Driver) -> None:
    shared_driver.screenshot()
    time.sleep(3.0)
    before = shared_driver.cpu_seconds()
    time.sleep(5.0)
    assert shared_driver.cpu_seconds() - before < 0.1
    shared_driver.do("key", "space")
    shared_driver.wait_for(lambda: shared_driver.cpu_seconds() - before > 0.2)  # it plays
    shared_driver.do("key", "space")


@pytest.mark.parametrize("plays", [False, True])
def test_a_signal_ends_the_viewer(driver: Driver, plays: bool) -> None:
    """Soon, although an idle window sleeps for seconds, and without a traceback, although it mostly comes within a frame."""
    if plays:
        driver.do("key", "space")
    time.sleep(2.5)
    driver.process.send_signal(signal.SIGTERM)
    assert driver.process.wait(60) == 128 + signal.SIGTERM
    assert driver.process.stderr is not None and "Traceback" not in driver.process.stderr.read()


def test_full_screen_and_back(shared_driver: Driver) -> None:
    shared_driver.screenshot()
    sizes = []
    for _ in range(2):
        shared_driver.do("key", "F11", "sleep", "2")
        sizes.append(shared_driver.geometry())
    assert sizes == ["1024x768", "640x480"]


@pytest.mark.skipif(not shutil.which("setxkbmap"), reason="setxkbmap is not installed")
def test_flying_goes_by_the_place_of_the_keys(driver: Driver) -> None:
    driver.run("setxkbmap", "fr")  # Z is at the place that W has on a US keyboard
    before = read_png_camera(driver.screenshot())
    driver.do("keydown", W_PLACE, "sleep", "0.6", "keyup", W_PLACE)
    after = read_png_camera(driver.screenshot())
    way = after.center - before.center
    assert np.linalg.norm(way) > 0.1
    assert way @ before.R[2] == pytest.approx(np.linalg.norm(way), rel=1e-6), "forwards"
    driver.run("setxkbmap", "us", "dvorak")  # the comma is at that place; on other layouts it means "previous frame"
    driver.do("keydown", W_PLACE, "sleep", "0.6", "keyup", W_PLACE)
    path = driver.screenshot()
    assert np.linalg.norm(read_png_camera(path).center - after.center) > 0.1
    assert Image.open(path).text["mlpvid:frame"] == "2"  # type: ignore[attr-defined]


def test_a_screen_recording_shows_what_render_gives(driver: Driver) -> None:
    camera, began = driver.screenshot(), time.monotonic()
    driver.do("key", "ctrl+r")
    driver.wait_for(lambda: bool(list(driver.folder.glob("*-screen*"))))
    time.sleep(1.5)
    for _ in range(2):
        driver.do("key", "comma")
        driver.screenshot()  # is written once the frame has been rendered, however busy the machine is
        time.sleep(1.0)
    driver.do("key", "ctrl+r")
    lasted, video = time.monotonic() - began, driver.folder / "small-screen.mp4"
    driver.wait_for(video.exists)
    frames = decode(video)
    assert 4.0 * 30 < len(frames) < lasted * 30
    (driver.folder / "camera.json").write_text(json.dumps(read_png_camera(camera).to_dict()))
    pictures = [driver.render(driver.folder / "camera.json", k) for k in range(3)]
    shown = np.asarray(Image.open(camera)).astype(float)
    assert shown.shape == pictures[2].shape and np.abs(shown - pictures[2]).mean() < 1.0
    height, width = frames[0].shape[:2]
    apart = [[np.abs(frame - picture[:height, :width]).mean() for picture in pictures] for frame in frames[5::10]]
    nearest = [int(np.argmin(row)) for row in apart]
    assert nearest == sorted(nearest, reverse=True) and set(nearest) == {0, 1, 2}, "frame 2, then 1, then 0"
    assert min(apart[0]) < 5.0 and min(apart[-1]) < 5.0


def test_an_offline_recording_is_what_render_gives(shared_driver: Driver) -> None:
    shared_driver.screenshot()  # the window listens by now
    shared_driver.do("key", "ctrl+shift+r", "sleep", "3", "key", "Return")
    video = shared_driver.folder / "small-render.mp4"
    shared_driver.wait_for(video.exists)
    with av.open(str(video)) as container:
        assert container.duration is not None and container.duration / av.time_base == pytest.approx(FRAMES / 30, abs=1e-3)
    frames, bundle = decode(video), read_bundle(shared_driver.bundle)
    assert len(frames) == FRAMES
    schedule = plan(bundle, "orbit", (1280, 720), RecordOptions())
    for k, frame in enumerate(frames):
        (shared_driver.folder / "camera.json").write_text(json.dumps(schedule.camera(k).to_dict()))
        rendered = shared_driver.render(shared_driver.folder / "camera.json", k, "--background", "0,0,0")
        others = [np.abs(other - rendered).mean() for other in frames]
        assert int(np.argmin(others)) == k
        assert np.abs(frame - rendered).mean() < 4.0  # the loss of the codec, which halves the resolution of colors


@pytest.mark.parametrize("insist", [False, True])
def test_a_display_without_opengl(tmp_path: Path, insist: bool) -> None:
    write_bundle(make_video(seed=3, num_frames=2), tmp_path / "small.mlpvid")
    with x_server("-extension", "GLX") as name:
        check_instead_of_window(name, tmp_path, insist, "OpenGL 3.3", "LIBGL_ALWAYS_SOFTWARE=1")


@pytest.mark.parametrize("insist", [False, True])
def test_a_display_that_does_not_answer(tmp_path: Path, insist: bool) -> None:
    write_bundle(make_video(seed=3, num_frames=2), tmp_path / "small.mlpvid")
    check_instead_of_window(":7654", tmp_path, insist, "display", "cannot be opened", ":7654")


def check_instead_of_window(display: str, folder: Path, insist: bool, *words: str) -> None:
    """One line says why, and an orbit is recorded. With --window, the line is an error, and no file is left."""
    command = [sys.executable, str(REPOSITORY / "run_viewer.py"), "small.mlpvid", "--size", "32x32", *["--window"] * insist]
    environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"} | {"DISPLAY": display}
    environment.pop("LIBGL_ALWAYS_SOFTWARE", None)
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    line = result.stderr.splitlines()[0] if insist else result.stdout.splitlines()[0]
    assert result.returncode == (2 if insist else 0), result.stderr
    assert "Traceback" not in result.stderr
    assert all(word in line for word in words), line
    assert (folder / "small-orbit.mp4").exists() is not insist


@pytest.mark.parametrize(("failing", "starts"), [(2, True), (ATTEMPTS, False)])
def test_an_x_server_that_ends_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, starts: bool
) -> None:
    calls, program = tmp_path / "calls", tmp_path / "Xvfb"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys, time\n"
        f"open({str(calls)!r}, 'a').write('x')\n"
        f"if os.path.getsize({str(calls)!r}) <= {failing}: sys.exit(1)\n"
        "os.write(int(sys.argv[sys.argv.index('-displayfd') + 1]), b'42\\n')\ntime.sleep(60)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with contextlib.ExitStack() as stack:
        if starts:
            assert stack.enter_context(x_server()) == ":42"
        else:
            with pytest.raises(pytest.fail.Exception, match="status 1"):
                stack.enter_context(x_server())
    assert calls.stat().st_size == min(failing + 1, ATTEMPTS)
