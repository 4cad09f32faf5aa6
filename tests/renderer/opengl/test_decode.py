"""Decoding with shaders against the CPU, and the choice between the two."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from common.errors import InputError
from model.config import DecoderConfig
from model.decoder import MapDecoder
from model.video import VolumetricVideo
from renderer.decode import FastDecoder, as_arrays
from renderer.opengl import decoding as decoding_module
from renderer.opengl.bake import Baker, MapTextures
from renderer.opengl.context import create_context
from renderer.opengl.decode_compute import ComputeDecoder
from renderer.opengl.decode_fragments import FragmentDecoder
from renderer.opengl.decoding import (
    MIN_AGREEMENT,
    Decoding,
    Decodings,
    choose_decoding,
    decodings,
    map_agreement,
    measure_decodings,
)
from renderer.opengl.renderer import OpenGLRenderer
from tests.factories import make_camera, make_video
from tests.renderer.cpu.test_decode import CONFIGS, SMALL


@pytest.fixture(scope="module")
def context() -> Iterator[moderngl.Context]:
    made = create_context()
    made.gc_mode = "context_gc"
    yield made
    assert made.error == "GL_NO_ERROR"


def randomize_biases(decoder: MapDecoder) -> None:
    for name, values in decoder.named_parameters():
        if name.endswith("bias"):
            values.normal_()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ComputeDecoder, FragmentDecoder])
@pytest.mark.parametrize("name", [*CONFIGS, "odd channels", "three maps of one plane"])
def test_shaders_decode_what_the_cpu_decodes(
    context: moderngl.Context, name: str, kind: type[ComputeDecoder | FragmentDecoder]
) -> None:
    more: dict[str, dict[str, Any]] = {
        "odd channels": {"decoder": DecoderConfig(7, (21, 19, 70, 5), color_channels=(3, 33), color_kernel_size=1)},
        "three maps of one plane": {"mlp_planes": ("xz", "xz", "xz"), "view_encoding": "spherical_harmonics"},
    }
    video = make_video(seed=len(name), **({"decoder": SMALL} | more.get(name, CONFIGS.get(name, {}))))
    randomize_biases(video.decoder)
    decoder, latent = kind(context, video), video.latent(0.7)
    expected = Baker(context, video.config).upload(as_arrays(FastDecoder(video, bfloat16=False)(latent)))
    found = decoder(decoder.first_activation(latent))
    assert map_agreement(found, expected) >= MIN_AGREEMENT
    for texture in (found.feature_planes, found.density_maps):
        assert texture.filter == (moderngl.LINEAR, moderngl.LINEAR) and not texture.repeat_x and not texture.repeat_y


@pytest.mark.slow
def test_layers_are_split_into_short_dispatches(context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(seed=2)
    whole = ComputeDecoder(context, video)
    monkeypatch.setattr("renderer.opengl.decode_compute.MAX_MULTIPLY_ADDS", 1)
    split, x = ComputeDecoder(context, video), whole.first_activation(video.latent(0.0))
    assert split._colors[-1].dispatch_blocks == 1 < whole._colors[-1].dispatch_blocks
    assert map_agreement(split(x), whole(x)) == np.inf


def test_a_layer_that_a_driver_cannot_store_is_refused(context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {**context.info, "GL_MAX_SHADER_STORAGE_BLOCK_SIZE": 1000}
    monkeypatch.setattr(moderngl.Context, "info", property(lambda self: small))
    with pytest.raises(InputError, match=r"has a layer of [\d,]+ bytes; this graphics driver allows 1,000"):
        ComputeDecoder(context, make_video())


def test_a_layer_that_exceeds_a_drivers_textures_is_refused(context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {**context.info, "GL_MAX_TEXTURE_SIZE": 64}
    monkeypatch.setattr(moderngl.Context, "info", property(lambda self: small))
    with pytest.raises(InputError, match=r"has a layer of \d+ texels; GL_MAX_TEXTURE_SIZE of this graphics driver is less"):
        FragmentDecoder(context, make_video())


def test_drivers_without_compute_shaders_decode_with_fragments(
    context: moderngl.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_video()
    monkeypatch.setattr(decoding_module, "has_compute", lambda _: False)
    found = decodings(context, video, Baker(context, video.config), software=True)
    assert isinstance(found["shaders"]().finish, FragmentDecoder)


def test_agreement_is_the_ratio_of_signal_and_noise(context: moderngl.Context) -> None:
    def maps(value: float) -> MapTextures:
        one, two, three = (context.texture_array((4, 4, 1), 1, np.full(16, v, np.float32), dtype="f4") for v in (1, value, 3))
        return MapTextures(one, two, three, density_scale=2.0)

    assert map_agreement(maps(1.01), maps(1.0)) == pytest.approx(40, abs=0.01)


@pytest.mark.slow
def test_images_of_frames_that_shaders_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a graphics card whose measurement chose the shaders."""
    video, camera = make_video(seed=6), make_camera(40, 40)

    def shaders(context: moderngl.Context, video: VolumetricVideo, baker: Baker, found: Decodings) -> Decoding:
        return decodings(context, video, baker, software=True)["shaders"]()

    native = OpenGLRenderer(2)
    expected = native.render(native.prepare(video, 0.5), camera)
    monkeypatch.setattr("renderer.opengl.renderer.choose_decoding", shaders)
    renderer = OpenGLRenderer(2)
    frame = renderer.prepare(video, 0.5)
    image = renderer.render(frame, camera)
    assert 0 < np.abs(image.rgba - expected.rgba).max() <= 3 / 255
    assert frame.decode_ms > 0 and frame.bake_ms > 0


def fake(maps: MapTextures, work: float, made: list[str], name: str) -> Any:
    def start(latent: NDArray[np.float32]) -> None:
        clock.advance(work)

    def make() -> Decoding:
        made.append(name)
        return Decoding(start, lambda _: maps)

    return make


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def perf_counter(self) -> float:
        return self.now


clock = Clock()


@pytest.fixture
def choice(context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[VolumetricVideo, Baker, MapTextures]]:
    monkeypatch.setattr(decoding_module, "time", clock)
    video = make_video(seed=1)
    baker = Baker(context, video.config)
    yield video, baker, baker.upload(as_arrays(FastDecoder(video, bfloat16=False)(video.latent(0.0))))


def test_the_fastest_decoding_is_chosen_once_per_device(
    context: moderngl.Context, choice: tuple[VolumetricVideo, Baker, MapTextures], tmp_path: Path
) -> None:
    video, baker, maps = choice
    made: list[str] = []
    found = {"cpu": fake(maps, 0.02, made, "cpu"), "shaders": fake(maps, 0.01, made, "shaders")}
    choose_decoding(context, video, baker, found, tmp_path)
    assert made == ["cpu", "shaders", "shaders"], "both are measured, the last one is used"
    choose_decoding(context, video, baker, found, tmp_path)
    assert made[3:] == ["shaders"], "the choice was kept"
    with_accelerator = found | {"mps": fake(maps, 0.001, made, "mps")}
    choose_decoding(context, video, baker, with_accelerator, tmp_path)
    assert made[4:] == ["cpu", "shaders", "mps", "mps"], "another machine measures again"


def test_a_fast_decoding_with_other_maps_is_not_chosen(
    context: moderngl.Context, choice: tuple[VolumetricVideo, Baker, MapTextures], tmp_path: Path
) -> None:
    video, baker, maps = choice
    wrong = baker.upload(as_arrays(FastDecoder(video)(video.latent(1.0))))
    made: list[str] = []
    found = {"cpu": fake(maps, 0.02, made, "cpu"), "shaders": fake(wrong, 0.01, made, "shaders")}
    choose_decoding(context, video, baker, found, tmp_path)
    assert made[-1] == "cpu"


def test_a_decoding_that_fails_is_not_chosen(
    context: moderngl.Context,
    choice: tuple[VolumetricVideo, Baker, MapTextures],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    video, baker, maps = choice

    def refuse() -> Decoding:
        raise InputError("shader convolution.comp", "is rejected by the graphics driver: no")

    made: list[str] = []
    choose_decoding(context, video, baker, {"cpu": fake(maps, 0.02, made, "cpu"), "shaders": refuse}, tmp_path)
    assert made == ["cpu", "cpu"] and "decoding with shaders is not possible" in caplog.text
    kept = next(iter(tmp_path.glob("decoders.json")))
    kept.write_text(kept.read_text().replace('"cpu"', '"shaders"'))
    choose_decoding(context, video, baker, {"cpu": fake(maps, 0.02, made, "cpu"), "shaders": refuse}, tmp_path)
    assert made[2:] == ["cpu"], "a choice that no longer works decodes on the CPU"


def test_decodings_of_this_machine(context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video()
    baker = Baker(context, video.config)
    assert list(decodings(context, video, baker)) == ["cpu"], "software OpenGL does not decode unless asked"
    monkeypatch.setattr("renderer.decode.accelerator", lambda: torch.device("meta"))
    monkeypatch.setattr(decoding_module, "is_software", lambda _: False)
    found = decodings(context, video, baker)
    assert list(found) == ["cpu", "meta", "shaders"]
    maps = found["meta"]().start(video.latent(0.0))
    expected = FastDecoder(video)(video.latent(0.0))
    assert [m.device.type for m in maps] == ["meta"] * 3, "all weights and the latent are on the device"
    assert [m.shape for m in maps] == [m.shape for m in expected]


def test_a_device_that_cannot_copy_maps_is_left_out(
    context: moderngl.Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    video = make_video()
    baker = Baker(context, video.config)
    monkeypatch.setattr("renderer.decode.accelerator", lambda: torch.device("meta"))
    monkeypatch.setattr(decoding_module, "is_software", lambda _: False)
    found = {name: make for name, make in decodings(context, video, baker).items() if name != "shaders"}
    with caplog.at_level(logging.WARNING):
        measured = measure_decodings(context, video, baker, found)
    assert list(measured) == ["cpu"] and "decoding with meta is not possible" in caplog.text
