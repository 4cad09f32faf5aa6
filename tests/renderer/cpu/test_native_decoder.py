"""The native decoder: equal to the decoder in PyTorch for every kind of layer, instruction set and number of threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

from model.config import DecoderConfig
from model.video import VolumetricVideo
from renderer.native import load_native
from renderer.native_decoder import NativeDecoder
from tests.factories import make_video

pytestmark = pytest.mark.native

CONFIGS: dict[str, dict[str, Any]] = {
    "final": {},
    "matching": {"decoder": DecoderConfig(16, (24, 20, 16, 8), "matching", (40,))},
    "odd channels": {"decoder": DecoderConfig(7, (21, 19, 70, 5), color_channels=(3, 33), color_kernel_size=1)},
    "one plane": {"mlp_planes": ("xz",), "view_encoding": "spherical_harmonics"},
    "small maps": {"feature_plane_resolution": 8, "density_map_resolution": 4, "color_map_resolution": 1},
}


def random_video(name: str) -> VolumetricVideo:
    video = make_video(seed=len(name), **CONFIGS[name])
    for key, value in video.decoder.state_dict().items():
        if key.endswith("bias"):
            value.normal_(0, 0.5)
    return video


def decibels(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    noise = np.square(found.astype(np.float64) - expected).mean()
    return float(10 * np.log10(np.square(expected.astype(np.float64)).mean() / max(noise, 1e-30)))


def expected_maps(video: VolumetricVideo, time: float) -> list[np.ndarray]:
    with torch.no_grad():
        return [m[0].numpy() for m in video.decoder(torch.from_numpy(video.latent(time))[None])]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("instruction_set", load_native().instruction_sets())
def test_maps_are_those_of_the_decoder(name: str, instruction_set: str) -> None:
    native, video = load_native(), random_video(name)
    decode = NativeDecoder(native, native.Engine(2, instruction_set), video, "float32")
    for time in (0.0, 1.6):  # the second one reuses memory
        for found, expected in zip(decode(video.latent(time)), expected_maps(video, time), strict=True):
            assert decibels(found, expected) > 100


def test_the_number_of_threads_changes_no_bit() -> None:
    native, video = load_native(), random_video("final")
    one, three = (NativeDecoder(native, native.Engine(threads, ""), video) for threads in (1, 3))
    for a, b in zip(one(video.latent(0.3)), three(video.latent(0.3)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_that_decode_at_the_same_time_do_not_disturb_each_other() -> None:
    native, video = load_native(), random_video("matching")
    decode, times = NativeDecoder(native, native.Engine(2, ""), video), [0.0, 0.7, 1.0, 2.0]
    alone = [decode(video.latent(time)) for time in times]
    together: dict[int, Any] = {}

    def run(index: int) -> None:
        for _ in range(5):
            together[index] = decode(video.latent(times[index]))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(times))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, maps in enumerate(alone):
        for a, b in zip(maps, together[index], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("source", "shape", "bias", "stride", "transposed", "fault"),
    [
        (0, (4, 3, 3, 3), (1, 4), 1, False, "not there"),
        (-1, (4, 2, 3, 3), (1, 4), 1, False, "channels"),
        (-1, (4, 3, 5, 5), (1, 4), 1, False, "no such convolution"),
        (-1, (3, 4, 4, 4), (16, 4), 2, True, "biases"),
        (-1, (4, 3, 3, 3), (1, 5), 1, False, "bias"),
    ],
)
def test_layers_that_do_not_fit_are_refused(
    source: int, shape: tuple[int, ...], bias: tuple[int, int], stride: int, transposed: bool, fault: str
) -> None:
    native = load_native()
    decoder = native.Decoder(native.Engine(1, ""), 3)
    with pytest.raises(ValueError, match=fault):
        decoder.add(source, np.zeros(shape, np.float32), np.zeros(bias, np.float32), stride, 0.0, transposed)
