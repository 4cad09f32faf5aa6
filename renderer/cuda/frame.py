"""Keep a video's network on the GPU, and decode and bake frames there."""

from __future__ import annotations

import copy
import ctypes
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS, ModelConfig
from model.decoder import EqualizedLinear, EqualizedUpsample, MapDecoder, Maps
from model.hash_levels import hash_levels
from model.video import VolumetricVideo
from renderer.baked import (
    CHANNEL_PAIRS,
    BakedFrameStruct,
    density_planes,
    describe_frame,
    group_layout,
    occupancy_pyramid,
    pack_bits,
    struct_bytes,
    table_scale,
)
from renderer.cuda.columns import occupied_columns
from renderer.cuda.driver import DECODE_STREAM, CudaFault, Driver, Event, as_input_errors
from renderer.cuda.structs import BAKE_THREADS, HEAD_FRAGMENT_WORDS, DecodedMaps, FrameBake, describe_levels, describe_video

MAX_BAKE_BLOCKS = 512
"""Blocks per channel pair and plane in baking: enough for the finest level without a million idle ones for the others."""


TRIED_FRAMES = 8
"""Frames that are decoded once to see whether half precision suffices."""


class CudaFrame:
    """A frame that the CUDA kernels can read.

    Args:
        config: hyper-parameters of the video.
        time: frame index.
        box: (2, 3), meters.
        struct: what kernels are given.
        tensors: the memory that its addresses lead to; "head_fragments" among them.
    """

    def __init__(
        self,
        config: ModelConfig,
        time: float,
        box: NDArray[np.float32],
        struct: BakedFrameStruct,
        tensors: dict[str, torch.Tensor],
    ) -> None:
        self.config = config
        self.time = time
        self.box = box
        self.struct = struct
        self.tensors = tensors
        self._events: tuple[Event, ...] = ()
        self._together = 1
        self._milliseconds: dict[int, float] = {}

    def prepared(self, events: tuple[Event, Event, Event], together: int) -> None:
        """Set the start of decoding, its end, and the end of baking, of `together` frames that share this work."""
        self._events, self._together = events, together

    @property
    def ready(self) -> Event:
        """The point at which the GPU has baked it."""
        return self._events[2]

    @property
    def nbytes(self) -> int:
        """Bytes of the GPU's memory that it holds."""
        return sum(t.numel() * t.element_size() for t in self.tensors.values())

    @property
    def decode_ms(self) -> float:
        """Milliseconds on the GPU from latent to maps, its share of frames decoded together. The first call waits; InputError
        when the GPU failed."""
        return self._stage_ms(0)

    @property
    def bake_ms(self) -> float:
        """Milliseconds on the GPU from maps to the kernels' arrays. The first call waits; InputError when the GPU failed."""
        return self._stage_ms(1)

    def _stage_ms(self, stage: int) -> float:
        if stage not in self._milliseconds:
            with as_input_errors():
                spent = self._events[stage + 1].milliseconds_since(self._events[stage])
                self._milliseconds[stage] = spent / self._together
        return self._milliseconds[stage]


class Batch:
    """The memory through which frames that are prepared together reach captured work, which always uses the same addresses.

    Args:
        driver: the GPU.
        count: number of frames.
        latent_channels: numbers of a latent.
    """

    def __init__(self, driver: Driver, count: int, latent_channels: int) -> None:
        self.latents = driver.empty((count, latent_channels), torch.float32)
        """(count, latent_channels)."""
        self.frames = driver.empty((count, ctypes.sizeof(FrameBake)), torch.uint8)
        """The frames' `FrameBake`s."""
        self.decode: Callable[[], Maps] | None = None
        """Captured work that decodes the latents."""
        self.bake: Callable[[], Maps] | None = None
        """Captured work that bakes the frames."""


class VideoOnGpu:
    """The network of one video in the GPU's memory, in half precision.

    Decoding and baking are captured once for each number of frames that are prepared together, and replayed.

    Args:
        driver: the GPU.
        kernels: `bake_grids`, `bake_planes` and `bake_heads`.
        video: the video.
        shared: a video with the same decoder, whose network is used again.
    """

    def __init__(
        self, driver: Driver, kernels: Mapping[str, Any], video: VolumetricVideo, shared: VideoOnGpu | None = None
    ) -> None:
        self._driver, self._kernels = driver, kernels
        self._config = video.config
        self._num_frames = video.num_frames
        self._lock = threading.Lock()
        self._batches: dict[int, Batch] = {}
        self._common = describe_video(video.config)
        self.capture_fault = ""
        """The reason why kernels are launched one by one; empty when they run as CUDA graphs."""
        with driver.stream(DECODE_STREAM):
            self._table_scale = table_scale(video.hash_tables)
            self._tables = driver.upload((torch.from_numpy(video.hash_tables) / self._table_scale).half())
            self._common.tables[:] = [table.data_ptr() for table in self._tables]
            self._network = shared.network if shared else decoder_for_gpu(video.decoder, driver.device, half=True)
            if not fits_half(self._network, video):
                self._network = decoder_for_gpu(video.decoder, driver.device, half=False)
        self.version = video.weights_version()  # now that the decoder is a module, which counts
        """The version of the video's weights."""

    @property
    def network(self) -> MapDecoder:
        """The decoder in the GPU's memory."""
        return self._network

    def prepare(self, video: VolumetricVideo, times: Sequence[float]) -> list[CudaFrame]:
        """Decode and bake the frames at `times` together; the GPU may still be working on them when this returns."""
        # Replays share their memory, so one thread at a time enqueues frames; the stream keeps their work in order.
        with self._lock, torch.no_grad(), self._driver.stream(DECODE_STREAM):
            start, batch = self._driver.mark(), self._batch(len(times))
            self._driver.write(batch.latents, torch.from_numpy(np.stack([video.latent(time) for time in times])))
            maps = self._decode(batch)
            decoded = self._driver.mark()
            frames = [self._new_frame(video, time) for time in times]  # while the GPU decodes
            self._driver.write(batch.frames, torch.from_numpy(np.stack([struct_bytes(order) for _, order in frames])))
            self._bake(batch, maps)
            events = (start, decoded, self._driver.mark())
        for frame, _ in frames:
            frame.prepared(events, len(times))
        return [frame for frame, _ in frames]

    def _batch(self, count: int) -> Batch:
        if count not in self._batches:
            self._batches[count] = Batch(self._driver, count, self._config.decoder.latent_channels)
        return self._batches[count]

    def _decode(self, batch: Batch) -> Maps:
        if batch.decode is None and not self.capture_fault:
            batch.decode = self._captured(lambda: self._decoded(batch))
        return batch.decode() if batch.decode else self._decoded(batch)

    def _bake(self, batch: Batch, maps: Maps) -> None:
        if batch.bake is None and batch.decode:  # every replay of it writes the maps into the same memory
            batch.bake = self._captured(lambda: self._launch_bake(batch, maps))
        if batch.bake:
            batch.bake()
        else:
            self._launch_bake(batch, maps)

    def _captured(self, work: Callable[[], Maps]) -> Callable[[], Maps] | None:
        try:
            return self._driver.capture(work)
        except CudaFault as fault:
            if fault.sticky or fault.out_of_memory:
                raise
            self.capture_fault = str(fault)  # a library that cannot be captured only costs time
            return None

    @torch.no_grad()
    def _decoded(self, batch: Batch) -> Maps:
        """Decode to features (B, v, u, planes * 32), densities (B, v, u, maps * 32), colors (B, u, v, maps, parameters)."""
        features, densities, colors = self._network(batch.latents.to(next(self._network.parameters()).dtype))
        lend = self._driver.lend  # channels-last convolutions leave the maps in nearly this order
        return (
            lend(features.flatten(1, 2).permute(0, 2, 3, 1), torch.float16),
            lend(densities.flatten(1, 2).permute(0, 2, 3, 1), torch.float16),
            lend(colors.permute(0, 2, 3, 1, 4), torch.float16),
        )

    def _launch_bake(self, batch: Batch, maps: Maps) -> Maps:
        decoded = DecodedMaps(*(tensor.data_ptr() for tensor in (*maps, batch.frames)))
        bake, driver, count = self._common, self._driver, len(batch.frames)
        nodes = max(level.resolution for level in hash_levels(self._config.hash)) ** 2
        words = 4 * max(3 * bake.feature_pixels, bake.density_maps * bake.density_pixels)
        for name, grid in (
            ("bake_grids", (_blocks(nodes), CHANNEL_PAIRS, 3 * count)),
            ("bake_planes", (_blocks(words), count, 1)),
            ("bake_heads", (bake.heads_per_map, bake.num_maps, count)),
        ):
            driver.launch(self._kernels[name], grid, BAKE_THREADS, 0, [bake, decoded])
        return maps

    def _new_frame(self, video: VolumetricVideo, time: float) -> tuple[CudaFrame, FrameBake]:
        """Allocate a frame, and describe it for the bake kernels."""
        box, occupancy = video.box_and_occupancy(time)
        struct = describe_frame(self._config, box, (self._table_scale, 1.0, self._config.decoder.density_gain))
        tensors = self._allocated()
        order = FrameBake(levels=describe_levels(self._config.hash, time / self._num_frames))
        order.grids[:] = struct.grids[:] = [grid.data_ptr() for grid in tensors["grids"]]
        struct.feature_planes[:] = [plane.data_ptr() for plane in tensors["feature_planes"]]
        for (plane, _), data in zip(density_planes(self._config), tensors["density_maps"], strict=True):
            struct.density_maps[plane] = data.data_ptr()
        struct.color_heads[: self._common.num_maps] = [heads.data_ptr() for heads in tensors["color_heads"]]
        order.feature_planes, order.density_maps = tensors["feature_planes"].data_ptr(), tensors["density_maps"].data_ptr()
        order.heads, order.fragments = tensors["color_heads"].data_ptr(), tensors["head_fragments"].data_ptr()
        tensors["occupancy"] = self._write_occupancy(struct, order, occupancy)
        return CudaFrame(self._config, time, box, struct, tensors), order

    def _allocated(self) -> dict[str, torch.Tensor]:
        config, bake = self._config, self._common
        features, densities = config.feature_plane_resolution, config.density_map_resolution
        rows = FEATURE_CHANNELS + config.view_channels + 3
        shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "grids": ((3, group_layout(config.hash).nodes, 4), torch.int32),
            "feature_planes": ((3, features, features, FEATURE_CHANNELS), torch.float16),
            "density_maps": ((bake.density_maps, densities, densities, FEATURE_CHANNELS), torch.float16),
            "color_heads": ((bake.num_maps, bake.heads_per_map, rows, HIDDEN_CHANNELS), torch.float32),
            "head_fragments": ((bake.num_maps, bake.heads_per_map, HEAD_FRAGMENT_WORDS), torch.int32),
        }
        return {name: self._driver.empty(shape, dtype) for name, (shape, dtype) in shapes.items()}

    def _write_occupancy(self, struct: BakedFrameStruct, order: FrameBake, cells: NDArray[np.bool_]) -> torch.Tensor:
        """Send the occupied cells for the density pass, and the columns that have one for baking."""
        parts = [*occupancy_pyramid(cells), *map(pack_bits, occupied_columns(cells))]
        source = torch.from_numpy(np.concatenate(parts).view(np.int32))
        words = self._driver.empty(source.shape, torch.int32)
        self._driver.write(words, source)
        starts = np.cumsum([0, *(4 * len(part) for part in parts)])[:-1] + words.data_ptr()
        struct.occupancy_levels = len(parts) - 3
        struct.occupancy[: struct.occupancy_levels], order.columns[:] = starts[:-3].tolist(), starts[-3:].tolist()
        return words


def _blocks(work: int) -> int:
    return min(-(-work // BAKE_THREADS), MAX_BAKE_BLOCKS)


@torch.no_grad()
def fits_half(network: MapDecoder, video: VolumetricVideo) -> bool:
    """Return whether a decoder stays within the range of half precision, tried on frames spread over a video.

    Training does not limit activations. Where one overflows, infinities spread over whole maps.
    """
    weight = next(network.parameters())
    frames = range(0, video.num_frames, max(1, video.num_frames // TRIED_FRAMES))
    latents = torch.from_numpy(np.stack([video.latent(float(frame)) for frame in frames])).to(weight)
    return all(bool(maps.isfinite().all()) for latent in latents for maps in network(latent[None]))


def decoder_for_gpu(decoder: MapDecoder, device: torch.device, half: bool) -> MapDecoder:
    """Return a copy of a decoder on the GPU, in half precision or in float.

    Weights, activations and biases lie channels-last in memory, as tensor cores read them.
    """
    network = folded_decoder(decoder).to(device)
    network = (network.half() if half else network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for layer in network.modules():
        if isinstance(layer, EqualizedUpsample):  # its bias has three dimensions, which torch does not reorder
            layer.bias.data = layer.bias.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    return network


def folded_decoder(decoder: MapDecoder) -> MapDecoder:
    """Return a copy of the decoder that computes the same with less work and within half precision.

    Equalized layers' factors are multiplied into their weights, and the density gain is left out: `density_scale` has it.
    """
    folded = copy.deepcopy(decoder).eval().requires_grad_(False)
    plain = dataclasses.replace(decoder.config.decoder, density_gain=1.0)
    folded.config = dataclasses.replace(decoder.config, decoder=plain)
    for layer in folded.modules():
        if isinstance(layer, EqualizedLinear | EqualizedUpsample):
            layer.weight.mul_(layer.scale)
            layer.scale = 1.0
    return folded
