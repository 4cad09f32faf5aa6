"""The comparison of the decoder's units."""

import dataclasses

import pytest

from benchmarks.decoder_precision import describe, measure
from renderer.native import load_native
from renderer.native_decoder import FLOAT32, decoding_unit
from tests.factories import make_camera, make_video

pytestmark = pytest.mark.native


def test_units_are_timed_and_their_images_compared() -> None:
    video = make_video(seed=3)
    cameras = [make_camera(20, 16), make_camera(16, 20, azimuth=2.0)]
    video = dataclasses.replace(video, metadata=dataclasses.replace(video.metadata, cameras=cameras))
    found = measure(video, 0.5, threads=1, repeats=4)
    native = load_native()
    assert set(found) == {FLOAT32, decoding_unit(native, native.Engine(1, ""))}
    assert found[FLOAT32].largest_255ths == 0.0
    assert all(result.psnr > 50 for result in found.values())
    assert FLOAT32 in describe(found, 1)
