"""Long videos are rendered with every backend; around a seam, the images of two segments are blended."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.segments import Segment
from model.video import VolumetricVideo
from renderer.backend import RenderedImage, RenderStatistics
from renderer.fallback import FallbackRenderer
from renderer.frame_cache import FrameCache
from renderer.reference.renderer import ReferenceRenderer
from renderer.segments import SegmentRenderer, blended
from tests.factories import make_camera
from tests.model.bundle.segment_files import opened, segment_videos, write_row

CAMERA = make_camera(20, 16)
SEGMENTS = (Segment(0, 3, 0), Segment(2, 2, 1), Segment(4, 3, 2))


@pytest.fixture(scope="module", params=[False, True], ids=["one decoder", "own decoders"])
def own_decoders(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, own_decoders: bool) -> Path:
    """Return a bundle of three segments; the first two share frame 2."""
    videos = segment_videos([3, 2, 3], own_decoders=own_decoders)
    return write_row(tmp_path_factory.mktemp("long") / "a.mlpvid", videos, segments=SEGMENTS)


def test_blended_by_hand() -> None:
    def image(color: float, alpha: float, depth: float) -> RenderedImage:
        pixels = np.array([[[color, color, color, alpha], [0, 0, 0, 0]]], np.float32)
        depths, counts = np.array([[depth, 0]], np.float32), np.array([[[40000, 2], [1, 0]]], np.uint16)
        return RenderedImage(pixels, depths, counts, RenderStatistics(1.0, 2.0, 4.0, 10, 3))

    result = blended([image(0.5, 1.0, 2.0), image(0.25, 0.5, 4.0)], [0.25, 0.75])
    # 0.25 * 0.5 + 0.75 * 0.25 and 0.25 * 1 + 0.75 * 0.5; depth (0.25 * 2 + 0.375 * 4) / 0.625.
    np.testing.assert_allclose(result.rgba[0, 0], [0.3125, 0.3125, 0.3125, 0.625])
    np.testing.assert_allclose(result.depth, [[3.2, 0]])
    assert result.counts.tolist() == [[[65535, 4], [2, 0]]]
    assert result.statistics == RenderStatistics(2.0, 4.0, 8.0, 20, 6)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_pictures_are_those_of_the_segments(path: Path, own_decoders: bool, backend: str) -> None:
    plain: Any
    if backend == "cpu":
        from renderer.cpu.renderer import CpuRenderer

        plain = CpuRenderer(1)
    else:
        plain = ReferenceRenderer(1)
    video, renderer = opened(path), SegmentRenderer(plain)
    alone = segment_videos([3, 2, 3], own_decoders=own_decoders)

    def picture(index: int, time: float) -> np.ndarray:
        return plain.render(plain.prepare(alone[index], time), CAMERA).rgba  # type: ignore[no-any-return]

    expected = {
        0.5: picture(0, 0.5),
        1.5: 0.75 * picture(0, 1.5) + 0.25 * picture(1, 0.0),
        2.0: 0.5 * picture(0, 2.0) + 0.5 * picture(1, 0.0),
        3.0: picture(1, 1.0),
        3.25: 0.75 * picture(1, 1.0) + 0.25 * picture(2, 0.0),
        6.0: picture(2, 2.0),
    }
    for time, rgba in expected.items():
        frame = renderer.prepare(video, time)
        assert frame.time == time and frame.nbytes > 0
        np.testing.assert_allclose(renderer.render(frame, CAMERA).rgba, rgba, atol=1e-5)
        assert rgba[..., 3].max() > 0.5
    region = renderer.render(renderer.prepare(video, 2.0), CAMERA, region=(3, 2, 9, 8))
    np.testing.assert_allclose(region.rgba, expected[2.0][2:8, 3:9], atol=1e-5)


def test_a_shared_decoder_is_converted_once(path: Path, own_decoders: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from renderer.cpu import renderer as module

    made: list[int] = []
    original = module.NativeDecoder

    def counted(*arguments: Any) -> Any:
        made.append(1)
        return original(*arguments)

    monkeypatch.setattr(module, "NativeDecoder", counted)
    video, renderer = opened(path), SegmentRenderer(module.CpuRenderer(1))
    for time in (0.0, 3.0, 6.0, 0.0, 2.0):
        renderer.prepare(video, time)
    assert len(made) == (3 if own_decoders else 1), "all segments fit into memory, so each is read once"


@pytest.mark.slow
def test_opengl_shows_the_same_and_chooses_a_decoding_for_each_decoder(
    path: Path, own_decoders: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renderer.opengl import renderer as module

    chosen: list[int] = []
    original = module.choose_decoding

    def counted(*arguments: Any) -> Any:
        chosen.append(1)
        return original(*arguments)

    monkeypatch.setattr(module, "choose_decoding", counted)
    backend = module.OpenGLRenderer(1)
    renderer, reference, video = SegmentRenderer(backend), SegmentRenderer(ReferenceRenderer(1)), opened(path)
    for time in (0.5, 2.0, 3.25, 6.0):
        ours, theirs = (r.render(r.prepare(video, time), CAMERA) for r in (renderer, reference))
        assert np.abs(ours.rgba - theirs.rgba).max() <= 3 / 255
    assert len(chosen) == (3 if own_decoders else 1)
    backend.close()


@pytest.mark.parametrize("has_compute", [True, False])
def test_decoders_on_the_graphics_card_share_their_programs_and_go_with_their_segments(
    tmp_path: Path, has_compute: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renderer.opengl import decoding, programs
    from renderer.opengl.renderer import OpenGLRenderer

    living: weakref.WeakSet[Any] = weakref.WeakSet()
    compiled: list[str] = []
    source = programs.shader_source

    def counted(name: str, definitions: programs.Definitions) -> str:
        compiled.append(name)
        return source(name, definitions)

    def shaders(context: Any, video: VolumetricVideo, baker: Any, found: decoding.Decodings) -> decoding.Decoding:
        chosen = found["shaders"]()
        living.add(chosen.finish)
        return chosen

    monkeypatch.setattr(programs, "shader_source", counted)
    monkeypatch.setattr(decoding, "is_software", lambda _: False)
    monkeypatch.setattr(decoding, "has_compute", lambda _: has_compute)
    monkeypatch.setattr("renderer.opengl.renderer.choose_decoding", shaders)
    video = opened(write_row(tmp_path / "a.mlpvid", segment_videos([2] * 5, own_decoders=True)))
    video.store.count = 2  # as in a video whose segments are large
    backend = OpenGLRenderer(1)
    renderer, reference = SegmentRenderer(backend), SegmentRenderer(ReferenceRenderer(1))
    for segment in video.segments:
        time = float(segment.first_frame)
        ours, theirs = (r.render(r.prepare(video, time), CAMERA) for r in (renderer, reference))
        assert np.abs(ours.rgba - theirs.rgba).max() <= 3 / 255
        assert len(living) <= 2
    name = "convolution.comp" if has_compute else "convolution.frag"
    assert compiled.count(name) == (3 if has_compute else 2), "not again for each decoder"
    backend.close()


def test_decoders_on_the_cpu_go_with_their_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from renderer.cpu import renderer as module

    living: weakref.WeakSet[Any] = weakref.WeakSet()
    original = module.NativeDecoder

    def noted(*arguments: Any) -> Any:
        made = original(*arguments)
        living.add(made)
        return made

    monkeypatch.setattr(module, "NativeDecoder", noted)
    video = opened(write_row(tmp_path / "a.mlpvid", segment_videos([2] * 5, own_decoders=True)))
    video.store.count = 2  # as in a video whose segments are large
    renderer = SegmentRenderer(module.CpuRenderer(1))
    for segment in video.segments:
        renderer.prepare(video, float(segment.first_frame))
        assert 1 <= len(living) <= 2


def test_the_frame_cache_loads_ahead(path: Path) -> None:
    video = opened(path)
    cache = FrameCache(FallbackRenderer(ReferenceRenderer(1)), video, 1 << 30)
    assert video.store.loaded == [0]
    cache.decode_ahead([0.0, 1.0])
    assert cache.wait_until_idle(20) and video.store.wait_until_idle(20)
    assert video.store.loaded == [0, 1] and video.is_loaded(2.0) and not video.is_loaded(5.0)
    assert cache.cached_times() == [0.0, 1.0]
    cache.close()
