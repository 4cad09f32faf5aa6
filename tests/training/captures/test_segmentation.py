"""Masks by segmentation: the command with a network that marks red pixels, and with MediaPipe where it is installed."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from tests.command_runs import assert_fails, run_main
from tests.training.captures.layouts.scene import Pixels, record
from tests.training.captures.test_background import overlap, write_capture
from training.captures import segmentation
from training.captures.segmentation import PersonSegmenter, around, person_of
from training.masks import main

MODEL = b"\x00\x00\x00\x00TFL3 and the network"


class RedSegmenter:
    """A network of MediaPipe's interface: a pixel is as certainly a person as it is red. It keeps the sizes that it saw."""

    labels: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def segment(self, picture: Any) -> Any:
        """Return one mask."""
        self.sizes.append(picture.data.shape)
        return SimpleNamespace(confidence_masks=[SimpleNamespace(numpy_view=lambda: picture.data[..., :1] / 255)])

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> RedSegmenter:
    made = RedSegmenter()
    for name in ("mediapipe", "mediapipe.tasks.python.vision", "mediapipe.tasks.python"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    package: Any = sys.modules["mediapipe"]
    package.Image, package.ImageFormat = SimpleNamespace, SimpleNamespace(SRGB=1)
    sys.modules["mediapipe.tasks.python"].BaseOptions = None  # type: ignore[attr-defined]
    monkeypatch.setattr(segmentation, "with_metadata", lambda content: content)
    monkeypatch.setattr(segmentation, "_open", lambda *_: made)
    return made


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.tflite").write_bytes(MODEL)
    return tmp_path / "model.tflite"


def red_square(size: int = 100) -> Pixels:
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[40:60, 30:50, 0] = 200
    return image


def test_the_part_around_a_person_is_given_twice(network: RedSegmenter, model: Path) -> None:
    with PersonSegmenter(model) as segmenter:
        mask = segmenter.mask(red_square())
        assert np.array_equal(mask, red_square()[..., 0]), "certainty becomes softness"
        assert network.sizes == [(100, 100, 3), (30, 30, 3)]
        assert not segmenter.mask(np.zeros((10, 12, 3), dtype=np.uint8)).any()
        assert network.sizes[2:] == [(10, 12, 3)]


def test_the_part_around_a_person_by_hand() -> None:
    mask = red_square()[..., 0]
    assert around(mask) == (slice(35, 65), slice(25, 55))
    mask[95, 2] = 255
    assert around(mask) == (slice(26, 100), slice(0, 62))
    assert around(np.full((4, 6), 127, dtype=np.uint8)) == (slice(0, 4), slice(0, 6))


def test_the_person_among_several_classes() -> None:
    a, b, c = np.full((2, 2), 0.2), np.full((2, 2), 0.3), np.full((2, 2), 0.5)
    assert (person_of([a], []) == a).all()
    assert (person_of([a, b, c], ["background", "chair", "person"]) == c).all()
    np.testing.assert_allclose(person_of([a, b, c], []), 0.8)


def test_the_command_writes_masks(network: RedSegmenter, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = record(((64, 80), (80, 64)))
    write_capture(tmp_path / "shoot", recording, np.random.default_rng(3))
    for frame, camera in recording.each():
        image = np.zeros((*recording.mask(frame, camera).shape, 3), dtype=np.uint8)
        image[..., 0] = recording.mask(frame, camera)
        Image.fromarray(image).save(tmp_path / f"shoot/images/{camera:02d}/{frame:06d}.png")
    run = run_main(main, tmp_path / "shoot", "--method", "segmentation", "--model", model)
    assert run.returncode == 0 and "wrote 4 masks; the subject covers" in run.stderr
    for frame, camera in recording.each():
        written = np.asarray(Image.open(tmp_path / f"shoot/masks/{camera:02d}/{frame:06d}.png"))
        assert overlap(written, recording.mask(frame, camera)) == 1


def test_faults(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_fails(run_main(main, tmp_path, "--method", "segmentation"), "--method segmentation --model FILE.tflite")
    assert_fails(run_main(main, tmp_path, "--model", model), "--method segmentation --model FILE.tflite")
    write_capture(tmp_path / "shoot", record(((64, 80), (80, 64))), np.random.default_rng(3))
    command = (main, tmp_path / "shoot", "--method", "segmentation", "--model")
    assert_fails(run_main(*command, tmp_path / "none.tflite"), "none.tflite: no such file", "docs/captures.md")
    os.mkfifo(tmp_path / "pipe.tflite")
    assert_fails(run_main(*command, tmp_path / "pipe.tflite"), "pipe.tflite: is not a regular file")
    (tmp_path / "page.tflite").write_text("<html>not found</html>")
    assert_fails(run_main(*command, tmp_path / "page.tflite"), "page.tflite: is not a TFLite model")
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    assert_fails(run_main(*command, model), "needs MediaPipe", "pip install --no-deps mediapipe ")


@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="MediaPipe is not installed")
def test_mediapipe_refuses_a_damaged_model(model: Path) -> None:
    with pytest.raises(InputError, match=r"model\.tflite: cannot be run by MediaPipe"):
        PersonSegmenter(model)
