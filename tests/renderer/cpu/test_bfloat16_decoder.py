"""The decoder in bfloat16: units and their twins in plain C++ give the same bits; images are those of float32 to over 70 dB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.bundle.info import read_bundle
from model.config import DecoderConfig
from model.video import VolumetricVideo
from renderer.cpu.renderer import CpuRenderer
from renderer.native import load_native
from renderer.native_decoder import decoding_unit
from tests.factories import make_camera, make_video
from tests.renderer.cpu.test_native_decoder import decibels

native = load_native()

pytestmark = pytest.mark.native

AMX = pytest.mark.skipif("amx_bf16" not in native.bfloat16_units(), reason="the processor has no AMX")
AVX512 = pytest.mark.skipif("avx512_bf16" not in native.bfloat16_units(), reason="AVX-512 does not multiply bfloat16")
FAST_UNITS = [pytest.param("amx_bf16", marks=AMX), pytest.param("avx512_bf16", marks=AVX512)]
PLAIN_UNITS = ["plain_bf16", "plain_avx512_bf16"]
UNITS = [*PLAIN_UNITS, *FAST_UNITS]


def rounded(values: np.ndarray, parts: int) -> tuple[np.ndarray, ...]:
    """Return values as `parts` bfloat16 numbers, in another way than the kernels: rounded in units of the last bit."""
    found, rest = [], values.astype(np.float64)
    for _ in range(parts):
        unit = np.exp2(np.floor(np.log2(np.maximum(np.abs(rest), 1e-30))) - 7)
        found.append(np.round(rest / unit) * unit)
        rest = (rest - found[-1]).astype(np.float32).astype(np.float64)
    return tuple(found)


def layer_inputs(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Return a first activation, and weights, bias and options of the layer to test."""
    random = np.random.default_rng(seed)
    kinds: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
        "3x3": ((50, 32, 3, 3), {"stride": 1, "transposed": False}),
        "1x1": ((32, 32, 1, 1), {"stride": 1, "transposed": False}),
        "transposed": ((32, 24, 4, 4), {"stride": 2, "transposed": True}),
    }
    shape, options = kinds[kind]
    outputs, pixels = (shape[1], 32 * 32) if kind == "transposed" else (shape[0], 1)
    weights = random.normal(size=shape).astype(np.float32)
    bias = random.normal(size=(pixels, outputs)).astype(np.float32)
    return random.normal(size=(16, 32)).astype(np.float32), weights, bias, options


def run_layer(unit: str, parts: int, kind: str, threads: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return the input (256 pixels, 32) and the output of a layer."""
    first, weights, bias, options = layer_inputs(kind, seed=len(kind))
    decoder = native.Decoder(native.Engine(threads, ""), 32, unit)
    source = -1
    for side in (8, 16):
        spread = np.random.default_rng(side).normal(0, 0.1, (32, 32, 4, 4)).astype(np.float32)
        source = decoder.add(source, spread, np.zeros((1, 32), np.float32), 2, 1.0, True)
    layer = decoder.add(source, weights, bias, options["stride"], 0.25, options["transposed"], parts)
    outputs = bias.shape[1]
    maps = [np.empty((256, 32), np.float32), np.empty((1024 if kind == "transposed" else 256, outputs), np.float32)]
    decoder.decode(first, [source, layer], maps)
    return maps[0], maps[1]


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("unit", UNITS)
def test_a_layer_multiplies_rounded_numbers(unit: str, parts: int) -> None:
    inputs, found = run_layer(unit, parts, "1x1")
    _, weights, bias, _ = layer_inputs("1x1", seed=3)
    x, w = rounded(inputs, parts), rounded(weights[:, :, 0, 0], parts)
    sums = x[0] @ w[0].T + bias if parts == 1 else x[0] @ w[0].T + x[0] @ w[1].T + x[1] @ w[0].T + bias
    np.testing.assert_allclose(found, np.where(sums > 0, sums, 0.25 * sums), rtol=0, atol=2e-5)


def twin_of(unit: str) -> str:
    return {"amx_bf16": "plain_bf16", "avx512_bf16": "plain_avx512_bf16"}[unit]


@pytest.mark.parametrize("unit", FAST_UNITS)
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("kind", ["3x3", "1x1", "transposed"])
def test_a_unit_gives_the_bits_of_plain_code(kind: str, parts: int, unit: str) -> None:
    inputs, found = run_layer(unit, parts, kind, threads=3)
    expected_inputs, expected = run_layer(twin_of(unit), parts, kind, threads=1)
    np.testing.assert_array_equal(inputs, expected_inputs)
    np.testing.assert_array_equal(found, expected)


def sums_of_products(unit: str, inputs: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return bias (outputs,) + inputs (256 pixels, 32) @ weights (32, outputs) as a unit computes them."""
    inputs, weights, bias = (np.asarray(array, np.float32) for array in (inputs, weights, bias))
    decoder = native.Decoder(native.Engine(1, ""), 32, unit)
    nothing = np.zeros((32, 32, 4, 4), np.float32)
    source = decoder.add(-1, nothing, np.zeros((1, 32), np.float32), 2, 1.0, True)
    source = decoder.add(source, nothing, inputs, 2, 1.0, True)  # its bias is all that it gives
    kernels = np.ascontiguousarray(weights.T[:, :, None, None])
    layer = decoder.add(source, kernels, bias[None], 1, 1.0, False, 1)
    found = np.empty((256, len(bias)), np.float32)
    decoder.decode(np.zeros((16, 32), np.float32), [layer], [found])
    return found


@AVX512
def test_numbers_of_any_magnitude_give_the_bits_of_plain_code() -> None:
    """Most sums are rounded many times, and about half of the products are subnormal."""
    random = np.random.default_rng(8)

    def numbers(*shape: int) -> np.ndarray:
        digits = random.choice([-1, 1], shape) * random.integers(128, 256, shape)
        return digits * np.exp2(random.integers(-77, -64, shape))

    inputs, weights, bias = numbers(256, 32), numbers(32, 48), numbers(48) * 2.0**-56
    found = sums_of_products("avx512_bf16", inputs, weights, bias)
    assert (found != (inputs @ weights + bias).astype(np.float32)).mean() > 0.5, "each rounding and each 0 counts"
    np.testing.assert_array_equal(found, sums_of_products("plain_avx512_bf16", inputs, weights, bias))


@pytest.mark.parametrize("unit", ["plain_avx512_bf16", pytest.param("avx512_bf16", marks=AVX512)])
def test_avx512_adds_the_second_product_of_a_pair_first(unit: str) -> None:
    """As Intel documents it for VDPBF16PS. In another order the 1 would be lost, since 2^25 + 1 is no float."""
    inputs, weights = np.zeros((256, 32)), np.zeros((32, 32))
    inputs[:, :2], weights[:2] = [1, 2**12], [[1], [2**13]]
    np.testing.assert_array_equal(sums_of_products(unit, inputs, weights, np.full(32, -(2**25))), 1)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    ("first", "second", "bias"),
    [(2.0**-70, 2.0**-60, 0), (2.0**-130, 2.0**100, 0), (2.0**100, 2.0**-130, 0), (0, 0, 2.0**-130)],
)
def test_subnormal_numbers_count_as_0(unit: str, first: float, second: float, bias: float) -> None:
    inputs, weights = np.zeros((256, 32)), np.zeros((32, 32))
    inputs[:, 0], weights[0] = first, second
    np.testing.assert_array_equal(sums_of_products(unit, inputs, weights, np.full(32, bias)), 0)


@pytest.mark.parametrize("unit", PLAIN_UNITS)
@pytest.mark.parametrize(("parts", "least"), [(1, 45), (2, 90)])
def test_two_parts_keep_twice_as_many_bits(parts: int, least: float, unit: str) -> None:
    for kind in ("3x3", "transposed"):
        _, expected = run_layer("", 0, kind)
        _, found = run_layer(unit, parts, kind)
        assert least < decibels(found, expected) < least + 25


def test_tiles_are_nearly_as_exact_as_direct_sums() -> None:
    _, expected = run_layer("", 0, "3x3")
    direct, tiles = (decibels(run_layer(unit, 1, "3x3")[1], expected) for unit in PLAIN_UNITS)
    assert direct - 6 < tiles < direct, "transformed inputs and weights are rounded"


def video_with_large_maps(color_kernel_size: int) -> VolumetricVideo:
    """Return a video with layers of each kind that fit these kernels, and others that do not."""
    sides: dict[str, Any] = {"feature_plane_resolution": 32, "density_map_resolution": 16, "color_map_resolution": 16}
    decoder = DecoderConfig(16, (64, 32, 32, 32), color_channels=(32, 64), color_kernel_size=color_kernel_size)
    return make_video(seed=4, decoder=decoder, mlp_planes=("xz",), **sides)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("color_kernel_size", [1, 3])
def test_images_differ_by_less_than_a_step_of_color(color_kernel_size: int, unit: str) -> None:
    video, camera = video_with_large_maps(color_kernel_size), make_camera(61, 43, azimuth=2)
    exact, fast = (CpuRenderer(2, decoder=name) for name in ("float32", unit))
    expected, found = (renderer.render(renderer.prepare(video, 1.3), camera) for renderer in (exact, fast))
    assert expected.rgba[..., 3].max() > 0.3, "the picture shows something"
    assert np.abs(found.rgba - expected.rgba).max() < 1 / 255
    assert 10 * np.log10(1 / np.square(found.rgba - expected.rgba).mean()) > 70
    assert unit in fast.device


@pytest.mark.parametrize("unit", FAST_UNITS)
@pytest.mark.parametrize("time", [0.0, 10.5])
def test_the_demo_differs_by_less_than_a_step_of_color(time: float, unit: str) -> None:
    video = read_bundle(Path(__file__).parents[3] / "assets" / "demo.mlpvid")
    camera = video.metadata.cameras[0]
    exact, fast = (CpuRenderer(2, decoder=name) for name in ("float32", unit))
    expected, found = (renderer.render(renderer.prepare(video, time), camera) for renderer in (exact, fast))
    assert np.abs(found.rgba - expected.rgba).max() < 1 / 255
    assert np.square(found.rgba - expected.rgba).mean() < 1e-7, "70 dB"


@pytest.mark.parametrize("unit", UNITS)
def test_the_number_of_threads_changes_no_bit(unit: str) -> None:
    for kind in ("3x3", "transposed"):
        np.testing.assert_array_equal(run_layer(unit, 1, kind, threads=1)[1], run_layer(unit, 1, kind, threads=3)[1])


def test_the_unit_is_chosen_by_processor_environment_and_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    class Engine:
        instruction_set = "x86_64_v4"

    class Native:
        def bfloat16_units(self) -> list[str]:
            return ["amx_bf16", "avx512_bf16", "plain_bf16", "plain_avx512_bf16"]

    class WithoutAmx:
        def bfloat16_units(self) -> list[str]:
            return ["avx512_bf16", "plain_bf16", "plain_avx512_bf16"]

    class Without:
        def bfloat16_units(self) -> list[str]:
            return ["plain_bf16", "plain_avx512_bf16"]

    monkeypatch.delenv("MLPVID_DECODER", raising=False)
    assert decoding_unit(Native(), Engine()) == "amx_bf16"
    assert decoding_unit(WithoutAmx(), Engine()) == "avx512_bf16"
    assert decoding_unit(Without(), Engine()) == "float32"
    monkeypatch.setattr(Engine, "instruction_set", "x86_64_v3")
    assert decoding_unit(Native(), Engine()) == "float32"
    assert decoding_unit(WithoutAmx(), Engine()) == "float32"
    monkeypatch.setenv("MLPVID_DECODER", "plain_bf16")
    assert decoding_unit(Native(), Engine()) == "plain_bf16"
    assert decoding_unit(Native(), Engine(), "float32") == "float32"
    with pytest.raises(InputError, match=r"decoder amx_bf16: .*choose one of plain_bf16, plain_avx512_bf16, float32"):
        decoding_unit(Without(), Engine(), "amx_bf16")


def test_unknown_units_and_precisions_are_refused() -> None:
    engine = native.Engine(1, "")
    with pytest.raises(ValueError, match="no unit z80"):
        native.Decoder(engine, 3, "z80")
    weights, bias = np.zeros((4, 3, 3, 3), np.float32), np.zeros((1, 4), np.float32)
    for unit, parts in (("", 1), ("plain_bf16", 3), ("plain_bf16", -1)):
        with pytest.raises(ValueError, match="precision"):
            native.Decoder(engine, 3, unit).add(-1, weights, bias, 1, 0.0, False, parts)
