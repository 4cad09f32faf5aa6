"""A backend is used only if it renders the same as the reference. This is checked once per driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from model.camera import Camera
from renderer.agreement import MIN_PSNR, agreement, require_agreement
from renderer.backend import RenderedImage
from renderer.cpu.renderer import CpuRenderer
from renderer.opengl.passes import RenderOptions
from renderer.opengl.renderer import OpenGLRenderer
from renderer.reference.renderer import ReferenceRenderer


class DimmedRenderer(CpuRenderer):
    """A backend with a fault: its images are a little too dark."""

    name = "dimmed"
    rendered = 0

    def render(self, frame: Any, camera: Camera, *arguments: Any, **options: Any) -> RenderedImage:
        self.rendered += 1
        image = super().render(frame, camera, *arguments, **options)
        image.rgba *= 0.9
        return image


@pytest.mark.slow
def test_right_backends_agree() -> None:
    assert agreement(ReferenceRenderer()) >= MIN_PSNR
    for grouped in (False, True):
        assert agreement(OpenGLRenderer(options=RenderOptions(grouped=grouped))) >= MIN_PSNR


def test_a_wrong_backend_is_refused_and_asked_once(tmp_path: Path) -> None:
    renderer = DimmedRenderer()
    for _ in range(2):
        with pytest.raises(InputError, match=r"backend dimmed: renders wrong images on card 1 \(\d\d\.\d dB"):
            require_agreement(renderer, "card 1", tmp_path)
    assert renderer.rendered == 1
    with pytest.raises(InputError):
        require_agreement(renderer, "card 1, driver 2", tmp_path)
    assert renderer.rendered == 2, "another driver is checked again"


def test_a_backend_that_raises_anything_is_refused_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AttributeError("module 'driver' has no attribute 'launch'")

    renderer = DimmedRenderer()
    with monkeypatch.context() as patch:
        patch.setattr(renderer, "prepare", fail)
        with pytest.raises(InputError, match=r"backend dimmed: fails on card \(AttributeError: module 'driver' has no"):
            require_agreement(renderer, "card", tmp_path)
    with pytest.raises(InputError, match="renders wrong images"):
        require_agreement(renderer, "card", tmp_path)


def test_damaged_verdicts_are_made_again(tmp_path: Path) -> None:
    (tmp_path / "backends.json").write_text('{"dimmed 2 card": "yes"')
    with pytest.raises(InputError):
        require_agreement(DimmedRenderer(), "card", tmp_path)
    assert list(json.loads((tmp_path / "backends.json").read_text())) == ["dimmed 2 card"]


def test_a_folder_that_cannot_be_written_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    require_agreement(ReferenceRenderer(), "cpu", tmp_path / "file")
