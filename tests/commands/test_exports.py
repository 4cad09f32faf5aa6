"""The commands that write more than one picture or video: rigs, depth, masks, panoramas, stereo, surfaces and paths."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.bundle.info import write_bundle
from model.bundle.read import read_bundle
from model.video import VolumetricVideo
from tests.command_runs import ROOT, assert_fails, run_python
from tests.commands.view import view
from tests.factories import make_video
from viewer.export.mesh import MeshOptions

RIG = ROOT / "examples" / "cameras.json"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle with three cameras of its capture."""
    path = tmp_path_factory.mktemp("bundle") / "small.mlpvid"
    write_bundle(make_video(seed=3, num_frames=3), path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_all_cameras_of_a_rig(bundle: Path, tmp_path: Path) -> None:
    run = view(bundle, "--record", "out", "--rig", RIG, "--frames", "1:3", "--size", "24x18", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert names(tmp_path) == [f"out/{name}/00000{k}.png" for name in ("back", "front", "left", "right") for k in (0, 1)]
    assert "4 cameras: 2 frames written to out" in run.stdout


def test_all_cameras_of_the_capture(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    run = view(bundle, "--record", "out.mp4", "--rig", "capture", "--frames", "0:1", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert names(tmp_path) == ["out-0.mp4", "out-1.mp4", "out-2.mp4"]


def test_faults_of_rigs(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "away.json").write_text(RIG.read_text().replace('"T": [', '"T": [0, 0, -1e5], "was": ['))
    for arguments, words in (
        (("--record", "out", "--rig", "gone.json"), ("gone.json",)),
        (("--record", "out", "--rig", "away.json"), ("away.json", "no camera sees the scene")),
        (("--record", "out", "--rig", RIG, "--path", "orbit"), ("--path",)),
        (("--record", "out", "--rig", RIG, "--seconds", "2"), ("--seconds",)),
        (("--render", "a.png", "--rig", RIG), ("--rig",)),
    ):
        assert_fails(view(bundle, *arguments, folder=tmp_path), *words)
    assert names(tmp_path) == ["away.json"]


def test_depth_in_millimeters_agrees_with_render(bundle: Path, tmp_path: Path) -> None:
    """EXR, 16-bit PNG and --render's NPZ hold the same depth."""
    arguments = ("--size", "30x24", "--frames", "0:1", "--view", "depth")
    for folder, images in (("png", ()), ("exr", ("--images", "exr"))):
        run = view(bundle, "--record", folder, *arguments, *images, folder=tmp_path)
        assert run.returncode == 0, run.stderr
    assert names(tmp_path) == ["exr/000000.exr", "png/000000.png"]
    openexr = pytest.importorskip("OpenEXR")
    depth = openexr.File(str(tmp_path / "exr" / "000000.exr")).channels()["Z"].pixels
    stored = np.asarray(Image.open(tmp_path / "png" / "000000.png"))
    assert stored.max() > 1000
    np.testing.assert_array_equal(stored, np.rint(depth * 1000.0))


def test_options_that_change_nothing_are_named(bundle: Path, tmp_path: Path) -> None:
    """NPZ and EXR files keep what was rendered: a background asked for is not forgotten in silence."""
    commands = (
        (("--render", "a.npz", "--background", "1,1,1", "--shadow"), "--background and --shadow have no effect on NPZ files"),
        (("--render", "b.npz", "--transparent"), "--transparent has no effect on NPZ files"),
        (("--record", "c", "--images", "exr", "--frames", "0:1", "--shadow"), "--shadow has no effect on EXR images"),
        (("--render", "d.png", "--background", "1,1,1"), None),
        (("--render", "e.npz"), None),
    )
    for arguments, words in commands:
        run = view(bundle, *arguments, "--size", "20x20", folder=tmp_path)
        assert run.returncode == 0, run.stderr
        assert ("no effect" in run.stderr) == (words is not None)
        assert (words or "") in run.stderr


def turned_away(video: VolumetricVideo, distance: float) -> dict[str, object]:
    """Return a camera with the middle of all frames so many meters behind it."""
    T = -video.bounds.mean(axis=0).astype(float) - [0, 0, distance]
    return {"width": 24, "height": 18, "K": [[30, 0, 12], [0, 30, 9], [0, 0, 1]], "R": np.eye(3).tolist(), "T": T.tolist()}


@pytest.mark.parametrize("output", ["out", "out.mp4"])
def test_cameras_of_a_rig_that_see_nothing_are_named(bundle: Path, tmp_path: Path, output: str) -> None:
    pytest.importorskip("av")
    video = read_bundle(bundle)
    video.boxes[:] = video.bounds  # so that the distance is that of all frames
    write_bundle(video, tmp_path / "still.mlpvid")
    rig = json.loads(RIG.read_text())
    cameras = rig if isinstance(rig, list) else rig["cameras"]
    away = [turned_away(video, 1000) for _ in range(6)]
    (tmp_path / "rig.json").write_text(json.dumps([cameras[0], {"name": "lost", **turned_away(video, 4)}, *away]))
    arguments = ("--record", output, "--rig", "rig.json", "--frames", "0:2", "--size", "24x18")
    run = view("still.mlpvid", *arguments, folder=tmp_path)
    assert run.returncode == 0, run.stderr
    notes = [line for line in run.stderr.splitlines() if line.startswith("note: ")]
    assert notes[0] == (
        "note: camera lost sees nothing: the scene is 4 m behind this camera; check R and T: x_camera = R x_world + T"
    )
    assert len(notes) == 6 and notes[-1] == "note: 2 more cameras see nothing"
    assert "8 cameras: 2 frames written to" in run.stdout
    assert run.stdout.rstrip().endswith("(nothing is visible from lost, 2, 3, 4, 5 and 2 more)")


def test_a_rig_that_sees_the_scene_gets_no_note(bundle: Path, tmp_path: Path) -> None:
    run = view(bundle, "--record", "out", "--rig", RIG, "--frames", "1:3", "--size", "24x18", folder=tmp_path)
    assert "note" not in run.stderr and "nothing is visible" not in run.stdout


def test_masks_of_a_rig(bundle: Path, tmp_path: Path) -> None:
    arguments = ("--rig", "capture", "--frames", "0:1", "--view", "opacity")
    assert view(bundle, "--record", "masks", *arguments, folder=tmp_path).returncode == 0
    with Image.open(tmp_path / "masks" / "2" / "000000.png") as image:
        assert (image.mode, image.size) == ("L", (64, 48))
        assert np.asarray(image).max() > 50


def test_the_colors_of_depth_have_the_given_range(bundle: Path, tmp_path: Path) -> None:
    """With a range beyond all depths, the whole subject has the first color of the map, turbo's 48, 18, 59."""
    arguments = ("--size", "30x24", "--frames", "0:1", "--view", "depth", "--range", "900,901")
    assert view(bundle, "--record", "out", *arguments, folder=tmp_path).returncode == 0
    pixels = np.asarray(Image.open(tmp_path / "out" / "000000.png")).astype(float)
    assert pixels.shape == (24, 30, 3)
    brightest = pixels[np.unravel_index(pixels.sum(axis=-1).argmax(), pixels.shape[:2])]
    np.testing.assert_allclose(brightest / brightest.sum(), np.array([48, 18, 59]) / 125, atol=0.03)


def test_faults_of_views(bundle: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("--record", "a.mp4", "--view", "smell"), ("--view", "smell")),
        (("--render", "a.png", "--view", "depth"), ("--view",)),
        (("--record", "a.mp4", "--range", "1,2"), ("--range",)),
        (("--record", "a.mp4", "--view", "depth", "--range", "2,1"), ("--range", "smaller")),
        (("--record", "a.mp4", "--view", "depth", "--range", "2"), ("--range", "LOW,HIGH")),
        (("--record", "a.mp4", "--view", "depth", "--range", "1,inf"), ("--range",)),
        (("--record", "a.mp4", "--images", "exr"), ("--images", "folder")),
    ):
        assert_fails(view(bundle, *arguments, folder=tmp_path), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("projection", ["equirectangular", "stereo", "vr180"])
def test_projections(bundle: Path, tmp_path: Path, projection: str) -> None:
    arguments = ("--projection", projection, "--size", "64x32")
    run = view(bundle, "--render", "a.png", *arguments, folder=tmp_path)
    assert run.returncode == 0, run.stderr
    run = view(bundle, "--record", "out", *arguments, "--frames", "0:1", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    for name in ("a.png", "out/000000.png"):
        with Image.open(tmp_path / name) as image:
            assert image.size == (64, 32)
            pixels = np.asarray(image)
        assert pixels.max() > 20, "the subject is in view"
        if projection != "equirectangular":
            assert pixels[:, :32].max() > 20 and pixels[:, 32:].max() > 20, "for both eyes"


def test_faults_of_projections(bundle: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("--render", "a.png", "--projection", "vr180", "--size", "64x64"), ("64x64", "twice as wide")),
        (("--record", "a.mp4", "--projection", "stereo", "--size", "33x20"), ("33x20", "even")),
        (("--render", "a.png", "--eye-distance", "0.1"), ("--eye-distance",)),
        (("--render", "a.png", "--projection", "stereo", "--eye-distance", "11"), ("eye distance",)),
        (("--record", "out", "--rig", RIG, "--projection", "vr180"), ("--projection",)),
        (("--render", "a.png", "--projection", "vr180", "--shadow"), ("shadow", "vr180")),
        (("--record", "a.mp4", "--projection", "vr180", "--view", "normals"), ("normals", "vr180")),
        (("--info", "--projection", "vr180"), ("--projection",)),
    ):
        assert_fails(view(bundle, *arguments, folder=tmp_path), *words)
    assert not list(tmp_path.iterdir())


def test_surfaces_of_frames(bundle: Path, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    run = view(bundle, "--mesh", "m.glb", "--frames", "1:3", "--resolution", "16", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert names(tmp_path) == ["m-000001.glb", "m-000002.glb"]
    assert "2 files written: m-000001.glb to m-000002.glb" in run.stdout
    assert len(trimesh.load(tmp_path / "m-000002.glb", force="mesh").faces) > 100
    run = view(bundle, "--mesh", "p.ply", "--resolution", "16", "--points", "500", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert len(trimesh.load(tmp_path / "p.ply").vertices) == 500


def test_the_density_of_a_surface(bundle: Path, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    extract_mesh = pytest.importorskip("viewer.export.mesh_extraction").extract_mesh
    arguments = ("--mesh", "m.ply", "--resolution", "16", "--density")
    run = view(bundle, *arguments, "1e7", folder=tmp_path)
    assert_fails(
        run, "mesh: frame 0 has no surface at the density 1e+07/m: its densities are 0/m to ", "choose a lower density"
    )
    largest = float(re.findall(r"to ([\d.e+]+)/m", run.stderr)[0])
    assert_fails(view(bundle, *arguments, 1.01 * largest, folder=tmp_path), f"to {largest:.4g}/m")
    assert not list(tmp_path.iterdir())
    for density in (0.2 * largest, 0.7 * largest):
        assert view(bundle, *arguments, density, folder=tmp_path).returncode == 0
        expected = extract_mesh(read_bundle(bundle).decode(0.0), MeshOptions(16, density)).vertices
        np.testing.assert_allclose(trimesh.load(tmp_path / "m.ply", process=False).vertices, expected, atol=1e-5)
    assert_fails(view(bundle, "--density", "5", folder=tmp_path), "--density")
    for wrong in ("0", "-3", "thick"):
        assert_fails(view(bundle, "--mesh", "n.ply", f"--density={wrong}", folder=tmp_path), "--density")


@pytest.mark.parametrize("name", ["path.glb", "path.json"])
def test_paths_for_other_programs(bundle: Path, tmp_path: Path, name: str) -> None:
    run = view(bundle, "--export-path", name, "--fps", "10", "--seconds", "2", "--size", "64x48", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "20 views written" in run.stdout
    assert f"exporting {name}: 20/20" in run.stderr
    assert names(tmp_path) == [name]
    if name == "path.json":  # --record reads it again
        run = view(bundle, "--record", "out", "--path", name, "--fps", "1", folder=tmp_path)
        assert run.returncode == 0, run.stderr
        assert len(names(tmp_path / "out")) == 2


def test_faults_of_files(bundle: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("--mesh", "a.obj"), ("a.obj", ".ply")),
        (("--mesh", "a.ply", "--frames", "2:9"), ("2:9", "0:3")),
        (("--mesh", "a.ply", "--frames", "5"), ("--frames", "A:B")),
        (("--mesh", "a.ply", "--frame", "1"), ("--frame ", "--frames")),
        (("--mesh", "a.ply", "--resolution", "4"), ("resolution", "8")),
        (("--mesh", "a.ply", "--size", "4x4"), ("--size",)),
        (("--record", "a.mp4", "--points", "4"), ("--points",)),
        (("--export-path", "a.fbx"), ("a.fbx", ".glb")),
        (("--export-path", "a.glb", "--path", "gone.json"), ("gone.json",)),
        (("--export-path", "a.glb", "--path", "gone.json", "--seconds", "2"), ("--seconds",)),
    ):
        assert_fails(view(bundle, *arguments, folder=tmp_path), *words)
    assert not list(tmp_path.iterdir())


def test_usage_errors_load_no_numbers() -> None:
    """The parser knows the names of views and projections without NumPy and pydantic, which take most of a second."""
    code = "import sys, viewer.cli; print([name for name in ('numpy', 'pydantic', 'scipy') if name in sys.modules])"
    assert run_python("-c", code, folder=ROOT).stdout.strip() == "[]"


ON_A_FULL_DISK = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of files")
def test_nothing_is_printed_after_an_error(bundle: Path, tmp_path: Path) -> None:
    """nanobind would print the renderer as "leaked", which the error's traceback keeps."""
    record = ("--record", "a.mp4", "--size", "128x128", "--backend", "cpu")
    program = ("-c", ON_A_FULL_DISK, ROOT / "run_viewer.py", bundle, *record)
    run = run_python(*program, folder=tmp_path, PYTHONDONTWRITEBYTECODE="1")  # which would be cut off
    assert_fails(run, "a.mp4", "cannot be written")
    assert run.stderr.splitlines()[-1].startswith("error: a.mp4"), run.stderr
    assert not list(tmp_path.iterdir())
