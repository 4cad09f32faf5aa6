"""A substitute for the authors' checkpoints: random tensors with their names, and a plain implementation of their conventions.

Everything here follows the description of the released files, not the code of this project. The tests compare the
importer with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

Tensors = dict[str, torch.Tensor]

PRIMES = (1, 2654435761, 805459861)


@dataclass(frozen=True)
class Sizes:
    """Sizes of a checkpoint; the defaults are a small one."""

    frames: int = 3
    latent: int = 8
    backbone: tuple[int, ...] = (8, 6, 5, 4)
    trunk: tuple[int, ...] = (6, 7)
    parameters: int = 2624
    levels: int = 6
    base: int = 4
    log2_table: int = 9
    cells: tuple[int, int, int] = (5, 4, 6)

    @property
    def resolution(self) -> int:
        return 4 << (len(self.backbone) - 1)

    @property
    def growth(self) -> float:
        return 64 ** (1 / (self.levels - 1))

    def level_scale(self, level: int) -> float:
        return self.base * self.growth**level - 1

    def level_nodes(self, level: int) -> int:
        return math.ceil(self.level_scale(level) - 1e-9) + 1

    def offsets(self) -> list[int]:
        offsets = [0]
        for level in range(self.levels):
            offsets.append(offsets[-1] + min(self.level_nodes(level) ** 3, 1 << self.log2_table))
        return offsets


PAPER = Sizes(frames=2, latent=256, backbone=(256, 256, 128, 128, 64, 64, 64), trunk=(64, 128, 128, 256), levels=16, base=16,
              log2_table=19, cells=(24, 24, 48))  # fmt: skip
"""The sizes of the released models, except the number of frames."""


def fake_state(sizes: Sizes, seed: int = 0) -> Tensors:
    """Return a state dictionary with every key of `final.pth`."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=random)

    def convolution(name: str, out: int, channels: int) -> Tensors:
        scale = 1 / math.sqrt(9 * channels)
        return {f"{name}.weight": normal(out, channels, 3, 3, scale=scale), f"{name}.bias": normal(out, scale=0.3)}

    first, last = sizes.backbone[0], sizes.backbone[-1]
    state = {"encodings": normal(sizes.frames, sizes.latent)}
    state["occupancy_grids"] = torch.rand(sizes.frames, *sizes.cells, generator=random) < 0.4
    for plane in ("xyt", "xzt", "yzt"):
        state[f"hashtable_{plane}.offsets"] = torch.tensor(sizes.offsets(), dtype=torch.int32)
        state[f"hashtable_{plane}.embeddings"] = normal(sizes.offsets()[-1], 2, scale=0.3)
    state["plane_decoder.backbone.0.weight"] = normal(first * 16, sizes.latent)
    state["plane_decoder.backbone.0.bias"] = normal(first * 16, scale=0.1)
    for index, (channels, out) in enumerate(zip(sizes.backbone[:-1], sizes.backbone[1:], strict=True)):
        state[f"plane_decoder.backbone.{index + 2}.weight"] = normal(channels, out, 4, 4)
        state[f"plane_decoder.backbone.{index + 2}.bias"] = normal(out, 8 << index, 8 << index, scale=0.1)
    state |= convolution("plane_decoder.feat_conv", 96, last) | convolution("plane_decoder.density_conv", 96, last)
    for index, (channels, out) in enumerate(zip((last, *sizes.trunk[:-1]), sizes.trunk, strict=True)):
        state |= convolution(f"plane_decoder.kn_backbone.{2 * index}", out, channels)
    for axis in "xyz":
        state |= convolution(f"plane_decoder.kn_{axis}_conv", sizes.parameters, sizes.trunk[-1])
    return state


@dataclass(frozen=True)
class ReleasedMaps:
    """The maps of a frame, by the names of the planes."""

    features: Tensors
    densities: Tensors
    colors: Tensors


def decode(state: Tensors, frame: int) -> ReleasedMaps:
    """Run the released network on a frame's latent."""
    gain = math.sqrt(2 / (1 + 0.2**2))
    weight = state["plane_decoder.backbone.0.weight"]
    x = functional.linear(
        state["encodings"][frame], weight * gain / math.sqrt(weight.shape[1]), state["plane_decoder.backbone.0.bias"]
    )
    x = functional.leaky_relu(x, 0.2).reshape(1, -1, 4, 4)
    index = 2
    while f"plane_decoder.backbone.{index}.weight" in state:
        weight = state[f"plane_decoder.backbone.{index}.weight"]
        scaled = weight * gain / math.sqrt(weight.shape[0] * (4 / 2) ** 2)
        x = functional.conv_transpose2d(x, scaled, stride=2, padding=1) + state[f"plane_decoder.backbone.{index}.bias"]
        x = functional.leaky_relu(x, 0.2)
        index += 1

    def convolve(name: str, inputs: torch.Tensor, stride: int = 1) -> torch.Tensor:
        parameters = state[f"plane_decoder.{name}.weight"], state[f"plane_decoder.{name}.bias"]
        return functional.conv2d(inputs, *parameters, stride=stride, padding=1)

    features, densities = convolve("feat_conv", x)[0], convolve("density_conv", x)[0]
    y = x
    for index in range(0, 20, 2):
        if f"plane_decoder.kn_backbone.{index}.weight" in state:
            y = torch.relu(convolve(f"kn_backbone.{index}", y, stride=2))
    colors = {plane: convolve(f"kn_{axis}_conv", y)[0] for axis, plane in (("x", "yz"), ("y", "xz"), ("z", "xy"))}
    split = {plane: slice(32 * n, 32 * n + 32) for n, plane in enumerate(("xy", "yz", "xz"))}
    return ReleasedMaps({p: features[s] for p, s in split.items()}, {p: densities[s] for p, s in split.items()}, colors)


AXES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}


def read_map(values: torch.Tensor, u: float, v: float) -> torch.Tensor:
    """Read a map (C, H, W) at a point: u along the width, v along the height, corners of the map on 0 and 1, zeros outside."""
    grid = torch.tensor([[[[2 * u - 1, 2 * v - 1]]]])
    return functional.grid_sample(values[None], grid, align_corners=True, padding_mode="zeros")[0, :, 0, 0]


def read_table(state: Tensors, sizes: Sizes, plane: str, u: float, v: float, t: float) -> torch.Tensor:
    """Return the features of one point by the eight-corner lookup of the released tables."""
    table = state[f"hashtable_{plane}t.embeddings"]
    offsets = state[f"hashtable_{plane}t.offsets"].tolist()
    parts = []
    for level in range(sizes.levels):
        scale, nodes, entries = sizes.level_scale(level), sizes.level_nodes(level), offsets[level + 1] - offsets[level]
        position = [c * scale for c in (u, v, t)]
        corner = [min(int(p), nodes - 2) for p in position]
        weight = [(p - c) ** 2 * (3 - 2 * (p - c)) for p, c in zip(position, corner, strict=True)]
        total = torch.zeros(2)
        for bits in range(8):
            node = [c + (bits >> axis & 1) for axis, c in enumerate(corner)]
            if nodes**3 <= entries:
                index = node[0] + node[1] * nodes + node[2] * nodes * nodes
            else:
                index = 0
                for n, prime in zip(node, PRIMES, strict=True):
                    index ^= n * prime & 0xFFFFFFFF
                index %= entries
            factor = math.prod(w if bits >> axis & 1 else 1 - w for axis, w in enumerate(weight))
            total += factor * table[offsets[level] + index]
        parts.append(total)
    features = torch.cat(parts)
    return functional.pad(features, (0, 32 - len(features)))


def encode_view(direction: list[float], parameters: int) -> torch.Tensor:
    """Return the frequency encoding of two octaves, or the nine spherical harmonics."""
    if parameters == 2624:
        return torch.tensor([f for c in direction for f in (c, math.cos(c), math.cos(2 * c), math.sin(c), math.sin(2 * c))])
    x, y, z = direction
    first, second = math.sqrt(3 / (4 * math.pi)), math.sqrt(15 / (4 * math.pi))
    third = math.sqrt(5 / (16 * math.pi)) * (3 * z * z - 1)
    harmonics = [-first * y, first * z, -first * x, second * x * y, -second * y * z, third, -second * x * z]
    return torch.tensor([0.5 / math.sqrt(math.pi), *harmonics, second / 2 * (x * x - y * y)])


def head_output(parameters: torch.Tensor, features: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Return one color head: h0 = F W0, h1 = relu([h0, view] W1), h1 W2, weights row-major [in][out]."""
    inner = 32 + len(view)
    W0, W1, W2 = parameters.split([32 * 32, inner * 32, 32 * 3])
    h1 = torch.relu(torch.cat([features @ W0.view(32, 32), view]) @ W1.view(inner, 32))
    return h1 @ W2.view(32, 3)


def color_of_plane(
    heads: torch.Tensor, u: float, v: float, features: torch.Tensor, view: torch.Tensor, blend: str
) -> torch.Tensor:
    """Read heads (P, N, N) at a point: rows run along u. Blend nodes 1 / (N - 1) apart, or take the cell of size 1 / N."""
    n = heads.shape[1]
    if blend == "nearest":
        i, j = (min(int(c * n), n - 1) for c in (u, v))
        return head_output(heads[:, i, j], features, view)
    i, j = (min(int(c * (n - 1)), n - 2) for c in (u, v))
    a, b = u * (n - 1) - i, v * (n - 1) - j
    corners = ((i, j, (1 - a) * (1 - b)), (i + 1, j, a * (1 - b)), (i, j + 1, (1 - a) * b), (i + 1, j + 1, a * b))
    return sum((w * head_output(heads[:, p, q], features, view) for p, q, w in corners), torch.zeros(3))


def query(
    state: Tensors, sizes: Sizes, frame: int, point: list[float], direction: list[float], blend: str
) -> tuple[float, torch.Tensor]:
    """Return density, 1/m, and color of a point in [0, 1]^3 of the frame's box."""
    maps = decode(state, frame)
    features, density = torch.zeros(32), torch.zeros(32)
    for plane, (a, b) in AXES.items():
        u, v = point[a], point[b]
        features += read_map(maps.features[plane], u, v) + read_table(state, sizes, plane, u, v, frame / sizes.frames)
        density += read_map(maps.densities[plane], u, v)
    view = encode_view(direction, sizes.parameters)
    outputs = [color_of_plane(maps.colors[p], point[a], point[b], features, view, blend) for p, (a, b) in AXES.items()]
    return max(float(features @ density), 0.0), torch.sigmoid(sum(outputs, torch.zeros(3)))
