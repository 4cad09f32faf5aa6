"""Color maps for depth, heat maps and differences, as tables of 256 colors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_KNOTS: dict[str, str] = {
    # 33 colors each, as hexadecimal RGB: entries 0, 8, 16, ..., 248 and 255 of the published tables of 256 (turbo: Mikhailov
    # 2019; viridis, magma, inferno, plasma: Smith and van der Walt 2015; coolwarm: Moreland 2009). Straight lines between
    # them differ from the tables by at most 3 of 255.
    "turbo": (
        "30123b392a734040a24456c7466be34680f64294ff37a8fa28bceb1ccdd818ddc21fe9af32f2984ef97d6dfe628bff4b"
        "a4fc3cb9f635cdec34dfdf37eecf3af8be39fdac34fe962bfb7e21f46617eb500edf3f08d02f05be2102a91601920b01"
        "7a0403"
    ),
    "viridis": (
        "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e"
        "21918c1f988b1fa08822a78528ae8032b67a3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51b"
        "fde725"
    ),
    "magma": (
        "0000040303120a0822130d341d114729115a36106b440f7651127c5d177f6a1c81762181832681902a819c2e7faa337d"
        "b73779c43c75d0416fdc4869e75263ef5d5ef56b5cf9795dfc8961fd9869fea772feb67cfec488fed395fde2a3fcf0b2"
        "fcfdbf"
    ),
    "inferno": (
        "0000040403120b0724150b37210c4a2f0a5b3d09654a0c6b57106e64156e71196e7d1e6d8a226a972766a32c61b0315b"
        "bc3754c73e4cd24644db503be45a31eb6628f1731df68013f98e09fb9d07fcac11fbbc21f9cb35f5db4cf2ea69f3f68a"
        "fcffa4"
    ),
    "plasma": (
        "0d08872206903105973f049c4c02a15901a56600a77201a87e03a88a09a59511a1a01a9caa2395b32c8ebc3587c43e7f"
        "cc4778d35171da5a6ae06363e66c5ceb7655f0804ef58b47f89540fba139fdac33feb82cfdc527fcd225f8df25f4ed27"
        "f0f921"
    ),
    "coolwarm": (
        "3b4cc0445acc4e68d85875e16282ea6c8ff1779af782a6fb8db0fe98b9ffa3c2feaec9fcb9d0f9c3d5f4ccd9edd5dbe5"
        "dddcdce5d8d1ecd3c5f1ccb8f5c4acf7ba9ff7b093f6a586f4987af08b6eeb7d62e46e56dd5f4bd44e41ca3b37be242e"
        "b40426"
    ),
    "gray": "000000ffffff",
}


@lru_cache(maxsize=len(_KNOTS))
def color_table(name: str) -> NDArray[np.uint8]:
    """Return the 256 colors of a map, (256, 3), read-only; raise KeyError for an unknown name."""
    knots = np.frombuffer(bytes.fromhex(_KNOTS[name]), np.uint8).reshape(-1, 3)
    places = np.minimum(np.arange(len(knots)) * 256 // (len(knots) - 1), 255)
    channels = [np.interp(np.arange(256), places, knots[:, i]) for i in range(3)]
    table = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.setflags(write=False)
    return table


def apply_color_map(values: ArrayLike, low: float, high: float, name: str) -> NDArray[np.uint8]:
    """Convert values to colors, from the first color of the map at `low` to the last at `high`. Other values are clamped.

    Args:
        values: any shape; NaN counts as `low`.
        low, high: the range. If they are equal, all values up to `low` get the first color.
        name: one of `viewer.COLOR_MAPS`.

    Returns:
        uint8 with the shape of `values` and a last axis of 3.
    """
    scaled = (np.nan_to_num(np.asarray(values, dtype=np.float64), nan=low, posinf=high, neginf=low) - low) / max(
        high - low, 1e-12
    )
    return color_table(name)[np.rint(np.clip(scaled, 0.0, 1.0) * 255).astype(np.intp)]


def legend_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return about five round values for a legend, as (position from 0 to 1, text)."""
    if not (np.isfinite(low) and np.isfinite(high) and high > low):
        return [(0.0, f"{low:g}")]
    step = _round_step((high - low) / 4)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [((k * step - low) / (high - low), f"{k * step:.10g}") for k in range(first, last + 1)]


def _round_step(step: float) -> float:
    # The next larger of 1, 2, 2.5 and 5 times a power of ten.
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * (1 - 1e-9)))
