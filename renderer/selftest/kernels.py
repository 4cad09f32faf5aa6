"""Check single kernels for the self-test: compare the buffers they left on the GPU with results of the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer.backend import RenderedImage
from renderer.baked import BakedFrameStruct
from renderer.cuda.driver import RENDER_STREAM
from renderer.cuda.frame import CudaFrame
from renderer.cuda.renderer import CudaRenderer

Outcome = tuple[str, bool, str]
"""What was checked, whether it passed, and the result as text."""

MAX_STRAYING = 0.02
"""Share of rays whose number of samples may differ by more than one, because rounding moves some samples into the next cell."""


def density_checks(image: RenderedImage, wanted: RenderedImage) -> Iterator[Outcome]:
    """Check the density pass: the samples of each ray, and their depth."""
    for index, name in enumerate(("marched", "kept")):
        difference = np.abs(image.counts[..., index].astype(int) - wanted.counts[..., index])
        straying = float((difference > 1).mean())
        yield (
            f"density_pass, samples {name}",
            straying <= MAX_STRAYING,
            f"{straying:.2%} of the rays differ by more than one sample",
        )
    seen = (image.rgba[..., 3] > 0.5) & (wanted.rgba[..., 3] > 0.5)
    error = float(np.abs(image.depth - wanted.depth)[seen].mean()) if seen.any() else 0.0
    scale = float(wanted.depth.max()) or 1.0
    yield "composite, depth", error <= 1e-3 * scale, f"mean difference {1000 * error:.3f} mm"


def grouping_checks(renderer: CudaRenderer, frame: CudaFrame, image: RenderedImage) -> Iterator[Outcome]:
    """Check counting, scanning and scattering of the last image's samples by recomputing their heads from their positions."""
    struct, samples = frame.struct, image.statistics.color_samples
    per_map = 4 if struct.bilinear and struct.color_resolution > 1 else 1
    items = samples * struct.num_color_maps * per_map
    keys = struct.num_color_maps * struct.color_resolution**2
    lengths = {"places": 4 * samples, "key_counts": keys, "key_starts": keys, "order": items}
    with renderer.driver.stream(RENDER_STREAM):
        memory: dict[str, NDArray[Any]] = {
            name: renderer.driver.download(renderer.workspace.tensors[name][:length]) for name, length in lengths.items()
        }
    wanted = keys_of(struct, memory["places"].view(np.float32).reshape(-1, 4)[:, :3], per_map)
    counts = np.bincount(wanted, minlength=keys)
    # The CPU computes a point's cell in another order of operations, so a point on an edge may be in the neighboring cell.
    moved = int(np.abs(counts - memory["key_counts"]).sum())
    yield "count_heads", moved <= items // 1000, f"{items} items, {moved} assigned to a different head than on the CPU"
    starts = np.cumsum(memory["key_counts"]) - memory["key_counts"]
    yield "scan_heads", np.array_equal(starts, memory["key_starts"]), f"{keys} heads"
    each_once = np.array_equal(np.sort(memory["order"]), np.arange(items))
    placed = np.repeat(np.arange(keys), memory["key_counts"])
    misplaced = int((wanted[memory["order"]] != placed).sum()) if each_once and len(placed) == items else items
    yield "scatter_heads", each_once and misplaced <= items // 1000, f"each item once: {each_once}, misplaced: {misplaced}"


def keys_of(struct: BakedFrameStruct, points: NDArray[np.float32], per_map: int) -> NDArray[np.int64]:
    """Return the color heads of points (S, 3) in [0, 1]^3, in the order of items: map * heads + u * resolution + v."""
    size = struct.color_resolution
    keys = []
    for index in range(struct.num_color_maps):
        uv = points[:, list(struct.color_axes[index])]
        if per_map == 1:
            cells = np.minimum((uv * np.float32(size)).astype(np.int64), size - 1)
            corners = [cells]
        else:
            cells = np.minimum((uv * np.float32(size - 1)).astype(np.int64), size - 2)
            corners = [cells + np.array([du, dv]) for du in (0, 1) for dv in (0, 1)]
        keys += [index * size * size + corner[:, 0] * size + corner[:, 1] for corner in corners]
    return np.stack(keys, axis=1).ravel()
