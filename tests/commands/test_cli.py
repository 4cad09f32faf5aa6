"""The command line's contract, item by item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.bundle.info import write_bundle
from renderer.opengl.card import may_have_card
from tests.command_runs import ROOT, assert_fails, run_python
from tests.commands.view import FRAMES, view
from tests.factories import make_camera, make_video
from viewer.export import recorder
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import RecordResult


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry",
    [(ROOT / "run_viewer.py",), ("-m", "viewer"), ("-I", ROOT / "run_viewer.py"), ("-I", ROOT / "run_mlpvid.py")],
    ids=["run_viewer.py", "-m viewer", "isolated run_viewer.py", "isolated run_mlpvid.py"],
)
def test_render_png(bundle: Path, camera_file: Path, tmp_path: Path, entry: tuple[object, ...]) -> None:
    arguments = (bundle, "--render", "out.png", "--frame", 1, "--camera", camera_file)
    result = run_python(*entry, *arguments, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    image = Image.open(tmp_path / "out.png")
    assert image.mode == "RGB" and image.size == (48, 40)
    assert np.asarray(image).max() > 20
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]


def test_render_npz_and_png_agree(bundle: Path, camera_file: Path, tmp_path: Path) -> None:
    arguments = (bundle, "--frame", 0.5, "--camera", camera_file)
    assert view(*arguments, "--render", "out.npz", folder=tmp_path).returncode == 0
    assert view(*arguments, "--render", "red.png", "--background", "255,0,0", folder=tmp_path).returncode == 0
    assert view(*arguments, "--render", "clear.png", "--transparent", folder=tmp_path).returncode == 0
    with np.load(tmp_path / "out.npz") as arrays:
        rgba, depth = arrays["rgba"], arrays["depth"]
    assert rgba.shape == (40, 48, 4) and rgba.dtype == np.float32
    assert depth.shape == (40, 48) and depth.dtype == np.float32
    assert (rgba[..., :3] <= rgba[..., 3:] + 1e-5).all()
    over_red = rgba[..., :3] + (1 - rgba[..., 3:]) * np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "red.png")) / 255, over_red, atol=0.6 / 255)
    clear = np.asarray(Image.open(tmp_path / "clear.png"))
    np.testing.assert_allclose(clear[..., 3] / 255, rgba[..., 3], atol=0.6 / 255)


def test_backends_render_the_same_image(bundle: Path, camera_file: Path, tmp_path: Path) -> None:
    images = []
    for backend in ("reference", "cpu", "opengl"):
        arguments = (bundle, "--render", f"{backend}.png", "--camera", camera_file, "--backend", backend)
        assert view(*arguments, folder=tmp_path).returncode == 0
        images.append(np.asarray(Image.open(tmp_path / f"{backend}.png")).astype(int))
    for image in images[1:]:
        assert np.abs(image - images[0]).max() <= 3


@pytest.mark.slow
def test_record_and_benchmark_with_opengl(bundle: Path, tmp_path: Path) -> None:
    options = ("--backend", "opengl", "--size", "32x32", "--frames")
    assert view(bundle, "--record", "pictures", *options, "0:2", folder=tmp_path).returncode == 0
    assert len(list((tmp_path / "pictures").glob("*.png"))) >= 2
    result = view(bundle, "--benchmark", "--json", *options, 1, folder=tmp_path)
    assert json.loads(result.stdout)["backend"] == "opengl"


@pytest.mark.slow
def test_render_imports_no_window(bundle: Path, tmp_path: Path) -> None:
    libraries = {"imgui_bundle", "glfw"} | (set() if may_have_card() else {"moderngl"})  # a card is tried with moderngl
    code = (
        "import sys, run_viewer; status = run_viewer.main(sys.argv[1:]); "
        f"assert not {libraries} & set(sys.modules), 'a window library was loaded'; sys.exit(status)"
    )
    result = run_python("-c", code, bundle, "--render", "a.png", "--size", "16x16", folder=tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("given", [None, "passive"])  # told apart by case: threads that wait actively take seconds
def test_waiting_threads_sleep_from_before_pytorch_is_loaded(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    program = (
        "import os, sys, run_viewer; assert 'torch' not in sys.modules; "
        f"options = ['--render', 'a.png', '--size', '8x8', '--backend', 'reference']; "
        f"status = run_viewer.main([{str(bundle)!r}, *options]); "
        "assert 'torch' in sys.modules; print(os.environ['OMP_WAIT_POLICY']); sys.exit(status)"
    )
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    result = run_python("-c", program, folder=tmp_path, **({"OMP_WAIT_POLICY": given} if given else {}))
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[-1] == (given or "PASSIVE")


def test_record_video(bundle: Path, tmp_path: Path) -> None:
    import av

    arguments = ("--path", "orbit", "--frames", "1:4", "--fps", 15, "--size", "64x48")
    result = view(bundle, "--record", "out.mp4", *arguments, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert (stream.width, stream.height) == (64, 48)
        assert float(stream.average_rate or 0) == pytest.approx(15)
    assert len(frames) == 2  # three frames at 30 fps last 0.1 s, which is 1.5 frames at 15 fps, rounded
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_record_path_into_images(bundle: Path, tmp_path: Path) -> None:
    keyframes = [
        {"time": t, "frame": f, "camera": make_camera(32, 24, a).to_dict()} for t, f, a in ((0, 0, 0.1), (0.1, 3, 0.9))
    ]
    (tmp_path / "path.json").write_text(json.dumps({"keyframes": keyframes}))
    result = view(bundle, "--record", "images", "--path", "path.json", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    names = sorted(p.name for p in (tmp_path / "images").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png", "000003.png"]
    assert Image.open(tmp_path / "images" / names[0]).size == (32, 24)


def test_info(bundle: Path, tmp_path: Path) -> None:
    result = view(bundle, "--info", "--json", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed["num_frames"] == FRAMES and printed["integrity"] == "ok" and printed["fps"] == 30
    assert sum(printed["bytes"].values()) == bundle.stat().st_size
    text = view(bundle, "--info", folder=tmp_path).stdout
    assert f"num_frames: {FRAMES}" in text


def test_benchmark(bundle: Path, tmp_path: Path) -> None:
    result = view(bundle, "--benchmark", "--json", "--size", "32x32", "--frames", 2, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed["total"] >= printed["decode"] >= 0 and printed["frames"] == 2
    assert set(printed) >= {"decode", "bake", "density", "color", "total", "density_samples", "color_samples"}
    assert printed["backend"] in ("cpu", "cuda", "reference") and printed["device"] and printed["threads"] >= 1


@pytest.mark.slow
def test_without_a_display_an_orbit_is_recorded(bundle: Path, tmp_path: Path) -> None:
    import av

    result = view(bundle, "--size", "32x32", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    first = result.stdout.splitlines()[0]
    assert "no display" in first and "--render" in first and "small-orbit.mp4" in first
    assert "60/60" in result.stderr
    with av.open(str(tmp_path / "small-orbit.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 60


@pytest.mark.parametrize(("asked", "recorded"), [("33x27", (33, 27)), ("1x1", (1, 1))])
def test_without_a_display_the_windows_size_is_recorded(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, recorded: tuple[int, int]
) -> None:
    seen: list[RecordOptions] = []

    def record(*arguments: Any) -> RecordResult:
        seen.append(arguments[4])
        return RecordResult(60, False, "60 frames written")

    monkeypatch.setattr(recorder, "record", record)
    result = view(bundle, "--size", asked, folder=tmp_path)
    assert (result.returncode, seen[0].size) == (0, recorded), result.stderr


def test_without_a_display_a_frame_out_of_range_is_refused_as_in_the_window(bundle: Path, tmp_path: Path) -> None:
    assert_fails(view(bundle, "--frame", "9", folder=tmp_path), "frame 9", "0 to 3")
    assert not list(tmp_path.iterdir())


def test_render_with_a_panorama_and_a_shadow(bundle: Path, camera_file: Path, tmp_path: Path) -> None:
    """The colors behind are those of the panorama, darkened where the shadow lies; with transparency, the shadow is black."""
    Image.new("RGB", (64, 32), (100, 150, 200)).save(tmp_path / "sky.png")
    arguments = (bundle, "--camera", camera_file, "--render")
    runs = {
        "plain.npz": (),
        "sky_only.png": ("--panorama", "sky.png"),
        "both.png": ("--panorama", "sky.png", "--shadow"),
        "clear.png": ("--shadow", "--transparent"),
        "picture.png": ("--background", "sky.png"),
    }
    for name, options in runs.items():
        result = view(*arguments, name, *options, folder=tmp_path)
        assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "plain.npz") as arrays:
        rgba = arrays["rgba"]
    images = {name: np.asarray(Image.open(tmp_path / name)) / 255 for name in runs if name.endswith("png")}
    over_sky = rgba[..., :3] + (1 - rgba[..., 3:]) * np.array([100, 150, 200]) / 255
    for name in ("sky_only.png", "picture.png"):
        np.testing.assert_allclose(images[name], over_sky, atol=0.6 / 255)
    shadow = 1 - (1 - images["clear.png"][..., 3]) / np.maximum(1 - rgba[..., 3], 1e-3)
    empty = rgba[..., 3] < 0.01
    assert shadow[empty].max() > 0.1, "some of it is seen beside the subject"
    expected = np.array([100, 150, 200]) / 255 * (1 - shadow[empty])[:, None]
    np.testing.assert_allclose(images["both.png"][empty], expected, atol=4 / 255)


def test_options_that_any_command_may_be_given(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("{}")
    common = ("--backend", "cpu", "--threads", "1", "--config", "good.yaml")
    result = view(bundle, "--info", "--json", *common, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    result = view(bundle, "--render", "a.npz", "--transparent", "--size", "8x8", *common, folder=tmp_path)
    assert result.returncode == 0, result.stderr


def test_an_orbit_of_one_frame_lasts_as_long_as_asked(tmp_path: Path) -> None:
    write_bundle(make_video(num_frames=1), tmp_path / "one.mlpvid")
    options = ("--record", "out", "--seconds", "0.5", "--fps", "12", "--size", "5x3", "--backend", "reference")
    assert view(tmp_path / "one.mlpvid", *options, folder=tmp_path).returncode == 0
    assert len(list((tmp_path / "out").iterdir())) == 6
    for arguments in (("--render", "a.png", "--seconds", "1"), ("--record", "b", "--path", "p.json", "--seconds", "1")):
        assert_fails(view(tmp_path / "one.mlpvid", *arguments, folder=tmp_path), "--seconds does not apply")


def test_a_description_loads_only_what_it_needs(bundle: Path, tmp_path: Path) -> None:
    """Neither the settings, nor the metadata of all installed packages, where pydantic looks for plugins."""
    program = (
        "import sys; from viewer.cli import main; status = main(sys.argv[1:]); import pydantic.plugin._loader as loader\n"
        "print([n for n in ('viewer.settings', 'viewer.app.app', 'torch') if n in sys.modules], loader._plugins, status)"
    )
    result = run_python("-c", program, bundle, "--info", folder=tmp_path)
    assert result.stdout.splitlines()[-1] == "[] None 0", result.stdout + result.stderr
