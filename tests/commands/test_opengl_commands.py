"""The commands without a window with the OpenGL backend, and what they do when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import moderngl
import numpy as np
import pytest

from model.bundle.info import write_bundle
from renderer.opengl.passes import RenderPasses
from tests.command_runs import run_main
from tests.factories import make_video
from viewer.cli import main


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a small random video."""
    path = tmp_path_factory.mktemp("bundle") / "random.mlpvid"
    write_bundle(make_video(num_frames=4), path)
    return path


def fail_after(patch: pytest.MonkeyPatch, images: int) -> None:
    """Let the graphics card fail after some images."""
    begin, begun = RenderPasses.begin, [0]

    def count(self: RenderPasses, *arguments: Any) -> None:
        begun[0] += 1
        if begun[0] > images:
            raise moderngl.Error("the context was lost")
        begin(self, *arguments)

    patch.setattr(RenderPasses, "begin", count)


def rendered(bundle: Path, folder: Path, backend: str) -> tuple[np.ndarray, str]:
    """Run --render; return the pixels and stderr."""
    image = folder / f"{backend}.png"
    run = run_main(main, bundle, "--render", image, "--size", "40x30", "--frame", "1.5", "--backend", backend)
    assert run.returncode == 0, run.stderr
    return iio.imread(image).astype(int), run.stderr


def recorded(bundle: Path, folder: Path, backend: str) -> tuple[list[np.ndarray], str]:
    """Run --record into a folder; return the images and stdout."""
    output = folder / f"frames-{backend}"
    run = run_main(main, bundle, "--record", output, "--size", "40x30", "--frames", "0:4", "--backend", backend)
    assert run.returncode == 0, run.stderr
    return [iio.imread(path).astype(int) for path in sorted(output.glob("*.png"))], run.stdout


def test_an_image(bundle: Path, tmp_path: Path) -> None:
    pixels, notes = rendered(bundle, tmp_path, "opengl")
    assert np.abs(pixels - rendered(bundle, tmp_path, "cpu")[0]).max() <= 3 and pixels.any() and "note" not in notes


@pytest.mark.slow
def test_a_recording(bundle: Path, tmp_path: Path) -> None:
    images, _ = recorded(bundle, tmp_path, "opengl")
    expected, _ = recorded(bundle, tmp_path, "cpu")
    assert len(images) == len(expected) >= 4
    assert max(np.abs(a - b).max() for a, b in zip(images, expected, strict=True)) <= 3
    assert not np.array_equal(images[0], images[1]), "the images are in order"


def test_an_image_is_rendered_by_the_next_backend_after_a_failure(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_after(monkeypatch, 0)
    pixels, notes = rendered(bundle, tmp_path, "opengl")
    assert np.array_equal(pixels, rendered(bundle, tmp_path, "cpu")[0])
    (line,) = [line for line in notes.splitlines() if line.startswith("note:")]
    assert "the context was lost" in line and line.endswith("the backend cpu takes over")


def test_a_recording_continues_with_the_next_backend(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_after(monkeypatch, 2)
    images, message = recorded(bundle, tmp_path, "opengl")
    expected, _ = recorded(bundle, tmp_path, "cpu")
    assert len(images) == len(expected) and np.array_equal(images[2:], expected[2:])
    assert np.abs(np.array(images[:2]) - np.array(expected[:2])).max() <= 3
    assert "the backend cpu takes over" in message


@pytest.mark.slow
def test_a_measurement_starts_again(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> dict[str, Any]:
        run = run_main(main, bundle, "--benchmark", "--json", "--size", "40x30", "--frames", "2", "--backend", "opengl")
        assert run.returncode == 0, run.stderr
        found: dict[str, Any] = json.loads(run.stdout)
        return found

    assert measured()["backend"] == "opengl"
    fail_after(monkeypatch, 2)
    found = measured()
    assert found["backend"] == "cpu" and found["frames"] == 2 and found["color_samples"] > 0
