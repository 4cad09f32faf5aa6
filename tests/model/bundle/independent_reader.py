"""A reader of `.mlpvid` files written from docs/format.md alone: NumPy, Zstandard, XXH3, and no code of this project."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Array = NDArray[Any]

_DTYPES = {"F32": "<f4", "F16": "<f2", "I8": "i1", "U8": "u1"}
_AXES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}


class Stranger:
    """An opened file."""

    def __init__(self, path: Path, segment: int = 0) -> None:
        content = path.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        self.document = json.loads(header.pop("__metadata__")["mlpvid"])
        self.config, self.num_frames = self.document["config"], self.document["num_frames"]
        if self.document["version"] == 2:
            self._read_coded(content[8 : 8 + length], content[8 + length :], header, self.document["segments"][segment])
            return
        digits = self.document["sha256"].encode()
        self.intact = hashlib.sha256(content.replace(digits, b"0" * 64)).hexdigest().encode() == digits
        self.stored = {name: _read(content[8 + length :], entry) for name, entry in header.items()}

    def _read_coded(self, raw: bytes, data: bytes, header: dict[str, Any], segment: dict[str, Any]) -> None:
        digits, codes = self.document["xxh3"], self.document["tensors"]
        self.intact = xxhash.xxh3_64_hexdigest(raw.replace(digits.encode(), b"0" * 16)) == digits
        prefix, self.num_frames = f"segments.{segment['data']}.", segment["num_frames"]
        self.stored = {}
        for name, entry in header.items():
            payload = _read(data, entry).tobytes()
            self.intact &= xxhash.xxh3_64_hexdigest(payload) == codes[name]["xxh3"]
            values = _decoded(payload, codes[name])
            if len(codes[name].get("steps", ())) > 1:
                sizes = [min(N * N * M, largest) for N, M, *_, largest in self.levels()]
                values = values * np.repeat(np.float32(codes[name]["steps"]), sizes)[:, None]
            self.stored[name.removeprefix(prefix)] = values

    def sound_header(self) -> tuple[int, float]:
        """Return the number of channels of the sound, from the first packet of its Ogg file (RFC 7845), and its offset."""
        data, entry = self.stored["sound"].tobytes(), self.document["sound"]
        assert (data[:4], entry["codec"], entry["bytes"]) == (b"OggS", "opus", len(data))
        packet = data[27 + data[26] :]  # after the page's header and its table of segments
        assert packet[:8] == b"OpusHead"
        return packet[9], entry["offset"]

    def tensor(self, name: str) -> Array:
        """Return a network tensor as numbers."""
        values = self.stored[name].astype(np.float64)
        if name + ".scales" in self.stored:
            scales = np.repeat(self.stored[name + ".scales"].astype(np.float64), 64)
            values = (values.ravel() * scales[: values.size]).reshape(values.shape)
        return values

    def layer(self, name: str) -> tuple[Array, Array]:
        """Weight and bias."""
        return self.tensor(f"decoder.{name}.weight"), self.tensor(f"decoder.{name}.bias")

    def levels(self) -> list[tuple[int, int, float, float, int]]:
        """Nodes along u and t, their scales, and the largest number of entries, for each level of the hash tables."""
        settings, result = self.config["hash"], []
        base, ratio = settings["base_resolution"], settings["finest_resolution"] / settings["base_resolution"]
        for level in range(settings["num_levels"]):
            scale = base * ratio ** (level / max(settings["num_levels"] - 1, 1)) - 1
            scale_t = scale if settings["time_resolution"] is None else min(scale, settings["time_resolution"] - 1)
            N, M = math.ceil(scale - 1e-6) + 1, math.ceil(scale_t - 1e-6) + 1
            result.append((N, M, scale, scale_t, 1 << settings["log2_table_size"]))
        return result

    def frame(self, time: float) -> StrangersFrame:
        """Return the maps at a time."""
        f = math.floor(time)
        g, a = min(f + 1, self.num_frames - 1), time - math.floor(time)
        latents, boxes = self.stored["latents"].astype(np.float64), self.stored["boxes"].astype(np.float64)
        bits = np.unpackbits(self.stored["occupancy"], axis=1, bitorder="little").astype(bool)
        cells = bits[f] | bits[g] if a > 0 else bits[f]
        shape = self.config["occupancy"]["resolution"]
        maps = self._decode((1 - a) * latents[f] + a * latents[g])
        box = (1 - a) * boxes[f] + a * boxes[g]
        return StrangersFrame(self, time / self.num_frames, box, cells[: math.prod(shape)].reshape(shape), maps)

    def _decode(self, latent: Array) -> tuple[Array, Array, Array]:
        decoder, config = self.config["decoder"], self.config
        weight, bias = self.layer("backbone.linear")
        pyramid = [_lrelu(_gain(len(latent)) * weight @ latent + bias).reshape(-1, 4, 4)]
        for k in range(len(decoder["backbone_channels"]) - 1):
            weight, bias = self.layer(f"backbone.upsamples.{k}")
            pyramid.append(_lrelu(_transposed_convolution(pyramid[-1], _gain(4 * len(weight)) * weight) + bias))
        planes = len(config["mlp_planes"])
        feature, density, color = (
            self._head(name, pyramid, config[f"{name}_{kind}_resolution"])
            for name, kind in (("feature", "plane"), ("density", "map"), ("color", "map"))
        )
        return (
            feature.reshape(3, 32, *feature.shape[1:]),
            density.reshape(planes, 32, *density.shape[1:]) * decoder["density_gain"],
            color.reshape(planes, -1, *color.shape[1:]),
        )

    def _head(self, name: str, pyramid: list[Array], resolution: int) -> Array:
        matching = self.config["decoder"]["head_source"] == "matching"
        x = pyramid[int(math.log2(resolution // 4))] if matching else pyramid[-1]
        index = 0
        while f"decoder.{name}_trunk.{index}.weight" in self.stored:
            x = np.maximum(0, _convolution(x, *self.layer(f"{name}_trunk.{index}"), stride=1 if matching else 2))
            index += 2
        return _convolution(x, *self.layer(f"{name}_head"), stride=1)


class StrangersFrame:
    """Evaluates points of one instant."""

    def __init__(self, file: Stranger, t: float, box: Array, occupancy: Array, maps: tuple[Array, Array, Array]) -> None:
        self.file, self.t, self.box, self.occupancy, self.maps = file, t, box, occupancy, maps
        self.tables = file.tensor("hash.tables")

    def feature(self, p: Array) -> Array:
        """F of one normalized point."""
        total = np.zeros(32)
        for plane, name in enumerate(("xy", "xz", "yz")):
            u, v = p[list(_AXES[name])]
            total += _bilinear(self.maps[0][plane], u, v) + self._hash(self.tables[plane], u, v)
        return total

    def density(self, p: Array) -> float:
        """1/m."""
        heads = [
            _bilinear(m, *p[list(_AXES[name])]) for m, name in zip(self.maps[1], self.file.config["mlp_planes"], strict=True)
        ]
        return max(0.0, float(self.feature(p) @ sum(heads)))

    def color(self, p: Array, direction: Array) -> Array:
        """RGB of one normalized point seen along a unit direction."""
        view = _encode(direction, self.file.config["view_encoding"])
        total, F = np.zeros(3), self.feature(p)
        for m, name in zip(self.maps[2], self.file.config["mlp_planes"], strict=True):
            u, v = p[list(_AXES[name])]
            for i, j, weight in _heads(u, v, m.shape[-1], self.file.config["assignment"]):
                total += weight * _color_head(m[:, i, j], F, view)
        return 1 / (1 + np.exp(-total))

    def pixel(self, camera: dict[str, Any], x: int, y: int) -> Array:
        """Premultiplied color and opacity, and the depth, of the pixel in column x and row y."""
        K, R, T = (np.array(camera[name], np.float64) for name in ("K", "R", "T"))
        origin, toward = -R.T @ T, R.T @ np.linalg.inv(K) @ [x + 0.5, y + 0.5, 1]
        direction = toward / np.linalg.norm(toward)
        bounds = (self.box - origin) / direction
        near, far = max(0.0, bounds.min(0).max()), bounds.max(0).min()
        step = np.linalg.norm(self.box[1] - self.box[0]) / self.file.config["render"]["steps_per_diagonal"]
        total, transmittance, depth, cells = np.zeros(4), 1.0, 0.0, np.array(self.occupancy.shape)
        for k in range(math.ceil(max(0.0, far - near) / step - 0.5)):
            point = origin + (near + (k + 0.5) * step) * direction
            p = np.clip((point - self.box[0]) / (self.box[1] - self.box[0]), 0, 1)
            if not self.occupancy[tuple(np.minimum(p * cells, cells - 1).astype(int))]:
                continue
            alpha = 1 - math.exp(-self.density(p) * step)
            weight, transmittance = transmittance * alpha, transmittance * (1 - alpha)
            if weight > self.file.config["render"]["weight_threshold"]:
                total += weight * np.append(self.color(p, direction), 1)
                depth += weight * (R @ point + T)[2]
        return np.append(total, depth / total[3] if total[3] > 0 else 0)

    def _hash(self, table: Array, u: float, v: float) -> Array:
        settings = self.file.config["hash"]
        F, result, offset = settings["features_per_level"], np.zeros(32), 0
        for level, (N, M, scale, scale_t, largest) in enumerate(self.file.levels()):
            nodes = N * N * M
            axes = [_nodes(u * scale, N), _nodes(v * scale, N), _nodes(self.t * scale_t, M)]
            for i, wi in axes[0]:
                for j, wj in axes[1]:
                    for k, wk in axes[2]:
                        entry = i + j * N + k * N * N if nodes <= largest else _hashed(i, j, k) % largest
                        result[level * F : (level + 1) * F] += wi * wj * wk * table[offset + entry]
            offset += min(nodes, largest)
        assert offset == len(table)
        return result


def blended_pixel(path: Path, time: float, camera: dict[str, Any], x: int, y: int) -> Array:
    """Premultiplied color and opacity, and the depth, of a pixel of a file of any number of segments at a time."""
    segments, total, depth = Stranger(path).document["segments"], np.zeros(4), 0.0
    for index, segment in enumerate(segments):
        first, last = segment["first_frame"], segment["first_frame"] + segment["num_frames"] - 1
        rise = fall = 1.0
        if index > 0:
            before = segments[index - 1]["first_frame"] + segments[index - 1]["num_frames"] - 1
            rise = (time - (first - 1)) / (before + 1 - (first - 1))
        if index + 1 < len(segments):
            after = segments[index + 1]["first_frame"]
            fall = (last + 1 - time) / (last + 1 - (after - 1))
        share = min(max(0.0, min(rise, fall)), 1.0)
        if share > 0:
            *color, alpha, z = Stranger(path, index).frame(min(max(time - first, 0), last - first)).pixel(camera, x, y)
            total += share * np.array([*color, alpha])
            depth += share * alpha * z
    return np.append(total, depth / total[3] if total[3] > 0 else 0)


def _read(data: bytes, entry: dict[str, Any]) -> Array:
    begin, end = entry["data_offsets"]
    return np.frombuffer(data[begin:end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])


def _decoded(payload: bytes, code: dict[str, Any]) -> Array:
    """A tensor of version 2; with several steps, the whole numbers that are still to be multiplied."""
    if code["encoding"] != "raw":
        payload = zstd.decompress(payload)
    if code["encoding"] != "steps":
        return np.frombuffer(payload, _DTYPES[code["dtype"]]).reshape(code["shape"])
    if code["integers"] == "I8":
        whole = np.frombuffer(payload, "i1").astype(np.float32)
    else:
        low, high = np.frombuffer(payload, "u1").reshape(2, -1).astype(np.uint16)
        whole = (low + 256 * high).astype("<u2").view("<i2").astype(np.float32)
    return whole.reshape(code["shape"]) * (np.float32(code["steps"][0]) if len(code["steps"]) == 1 else 1)


def _lrelu(x: Array) -> Array:
    return np.where(x < 0, 0.2 * x, x)


def _gain(k: int) -> float:
    return math.sqrt(2 / 1.04) / math.sqrt(k)


def _transposed_convolution(x: Array, weight: Array) -> Array:
    n = x.shape[1]
    out = np.zeros((weight.shape[1], 2 * n + 2, 2 * n + 2))  # shifted by one: index 0 is position -1
    for j in range(4):
        for i in range(4):
            out[:, j : j + 2 * n : 2, i : i + 2 * n : 2] += np.einsum("co,cyx->oyx", weight[:, :, j, i], x)
    return out[:, 1:-1, 1:-1]


def _convolution(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    kernel, n = weight.shape[-1], x.shape[1]
    padded = np.pad(x, ((0, 0), (kernel // 2, kernel // 2), (kernel // 2, kernel // 2)))
    out = np.zeros((len(weight), n // stride, n // stride)) + bias[:, None, None]
    for j in range(kernel):
        for i in range(kernel):
            out += np.einsum("oc,cyx->oyx", weight[:, :, j, i], padded[:, j : j + n : stride, i : i + n : stride])
    return out


def _bilinear(pixels: Array, u: float, v: float) -> Array:
    r = pixels.shape[-1]
    column, row = min(int(u * (r - 1)), r - 2), min(int(v * (r - 1)), r - 2)
    a, b = u * (r - 1) - column, v * (r - 1) - row
    upper = (1 - a) * pixels[:, row, column] + a * pixels[:, row, column + 1]
    lower = (1 - a) * pixels[:, row + 1, column] + a * pixels[:, row + 1, column + 1]
    return (1 - b) * upper + b * lower


def _nodes(position: float, count: int) -> list[tuple[int, float]]:
    node = min(max(math.floor(position), 0), count - 2)
    s = position - node
    w = 3 * s * s - 2 * s**3
    return [(node, 1 - w), (node + 1, w)]


def _hashed(i: int, j: int, k: int) -> int:
    return (i ^ (j * 2654435761) ^ (k * 805459861)) & 0xFFFFFFFF


def _heads(u: float, v: float, N: int, assignment: str) -> list[tuple[int, int, float]]:
    if assignment == "nearest" or N == 1:
        return [(min(int(u * N), N - 1), min(int(v * N), N - 1), 1.0)]
    i, j = min(int(u * (N - 1)), N - 2), min(int(v * (N - 1)), N - 2)
    a, b = u * (N - 1) - i, v * (N - 1) - j
    return [(i + di, j + dj, (a if di else 1 - a) * (b if dj else 1 - b)) for di in (0, 1) for dj in (0, 1)]


def _color_head(numbers: Array, F: Array, view: Array) -> Array:
    W0, W1, W2 = np.split(numbers, [1024, len(numbers) - 96])
    h0 = F @ W0.reshape(32, 32)
    h1 = np.maximum(0, np.concatenate([h0, view]) @ W1.reshape(-1, 32))
    return h1 @ W2.reshape(32, 3)


def _encode(direction: Array, kind: str) -> Array:
    if kind == "frequency":
        return np.concatenate([[c, math.cos(c), math.cos(2 * c), math.sin(c), math.sin(2 * c)] for c in direction])
    x, y, z = direction
    a, b = 0.4886025119029199, 1.0925484305920792
    quadratic = [b * x * y, -b * y * z, 0.31539156525252005 * (3 * z * z - 1), -b * x * z, 0.5462742152960396 * (x * x - y * y)]
    return np.array([0.28209479177387814, -a * y, a * z, -a * x, *quadratic])
