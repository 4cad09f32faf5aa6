"""Keep a video's network on the GPU, and decode and bake frames there."""

from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import ModelConfig
from model.decoder import EqualizedLinear, EqualizedUpsample, MapDecoder, Maps
from model.video import VolumetricVideo
from renderer.baked import (
    CHANNEL_PAIRS,
    BakedFrameStruct,
    density_planes,
    describe_frame,
    occupancy_pyramid,
    pair_layout,
    table_scale,
)
from renderer.cuda.driver import DECODE_STREAM, CudaFault, Driver, Event, as_input_errors
from renderer.cuda.structs import BAKE_THREADS, HEAD_FRAGMENT_WORDS, HeadBake, describe_bake

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
        events: start of decoding, end of decoding, end of baking.
    """

    def __init__(
        self,
        config: ModelConfig,
        time: float,
        box: NDArray[np.float32],
        struct: BakedFrameStruct,
        tensors: dict[str, torch.Tensor],
        events: tuple[Event, Event, Event],
    ) -> None:
        self.config = config
        self.time = time
        self.box = box
        self.struct = struct
        self.tensors = tensors
        self._events = events
        self._milliseconds: dict[int, float] = {}

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
        """Milliseconds on the GPU from latent to maps. The first call waits for them; InputError when the GPU failed."""
        return self._stage_ms(0)

    @property
    def bake_ms(self) -> float:
        """Milliseconds on the GPU from maps to the kernels' arrays. The first call waits; InputError when the GPU failed."""
        return self._stage_ms(1)

    def _stage_ms(self, stage: int) -> float:
        if stage not in self._milliseconds:
            with as_input_errors():
                self._milliseconds[stage] = self._events[stage + 1].milliseconds_since(self._events[stage])
        return self._milliseconds[stage]


class VideoOnGpu:
    """The network of one video in the GPU's memory, in half precision.

    Args:
        driver: the GPU.
        kernels: `bake_grids` and `bake_heads`.
        video: the video.
    """

    def __init__(self, driver: Driver, kernels: Mapping[str, Any], video: VolumetricVideo) -> None:
        self._driver, self._kernels = driver, kernels
        self._config = video.config
        self._num_frames = video.num_frames
        self._lock = threading.Lock()
        self.capture_fault = ""
        """The reason why the decoder's kernels are launched one by one; empty when they run as a CUDA graph."""
        with driver.stream(DECODE_STREAM):
            tables = video.hash_encoding.tables.detach()
            self._table_scale = table_scale(tables)
            self._tables = driver.upload((tables / self._table_scale).half())
            self._latent = driver.upload(torch.zeros(1, video.config.decoder.latent_channels))
            self._decode = self._captured_decoder(video)

    def prepare(self, video: VolumetricVideo, time: float) -> CudaFrame:
        """Decode and bake the frame at `time`; the GPU may still be working on it when this returns."""
        box, occupancy = video.box_and_occupancy(time)
        struct = describe_frame(self._config, box.numpy(), (self._table_scale, 1.0, self._config.decoder.density_gain))
        # Replays share their memory, so one thread at a time enqueues a frame; the stream keeps their work in order.
        with self._lock, torch.no_grad(), self._driver.stream(DECODE_STREAM):
            start = self._driver.mark()
            self._driver.write(self._latent, video.latent(time)[None])
            features, densities, colors = self._decode()
            decoded = self._driver.mark()
            tensors = self._pack_planes(struct, features, densities)
            tensors |= self._write_occupancy(struct, occupancy.numpy())
            tensors |= self._bake_grids(struct, time / self._num_frames)
            tensors |= self._bake_heads(struct, colors)
            return CudaFrame(self._config, time, box.numpy(), struct, tensors, (start, decoded, self._driver.mark()))

    @torch.no_grad()
    def _captured_decoder(self, video: VolumetricVideo) -> Any:
        network = decoder_for_gpu(video.decoder, self._driver.device, half=True)
        if not fits_half(network, video):
            network = decoder_for_gpu(video.decoder, self._driver.device, half=False)
        dtype = next(network.parameters()).dtype

        @torch.no_grad()
        def decode() -> Maps:
            maps: Maps = network(self._latent.to(dtype))
            return maps

        try:
            return self._driver.capture(decode)
        except CudaFault as fault:
            if fault.sticky or fault.out_of_memory:
                raise
            self.capture_fault = str(fault)  # a library that cannot be captured only costs time
            return decode

    def _pack_planes(
        self, struct: BakedFrameStruct, features: torch.Tensor, densities: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        # (planes, 32, H, W) to pixels of 32 neighboring halves, which channels-last convolutions nearly leave already.
        distinct = density_planes(self._config)
        maps_of = [
            [densities[0, index] for index in indices] for _, indices in distinct
        ]  # a list as an index would be uploaded
        summed = torch.stack([torch.stack(maps).sum(0) if len(maps) > 1 else maps[0] for maps in maps_of])
        planes, heads = (self._driver.adopt(maps.permute(0, 2, 3, 1), torch.float16) for maps in (features[0], summed))
        struct.feature_planes[:] = [plane.data_ptr() for plane in planes]
        for (plane, _), data in zip(distinct, heads, strict=True):
            struct.density_maps[plane] = data.data_ptr()
        return {"feature_planes": planes, "density_maps": heads}

    def _write_occupancy(self, struct: BakedFrameStruct, cells: NDArray[np.bool_]) -> dict[str, torch.Tensor]:
        levels = occupancy_pyramid(cells)
        source = torch.from_numpy(np.concatenate(levels).view(np.int32))
        words = self._driver.empty(source.shape, torch.int32)
        self._driver.write(words, source)
        starts = np.cumsum([0, *(4 * len(level) for level in levels)])
        struct.occupancy[: len(levels)] = [words.data_ptr() + int(start) for start in starts[:-1]]
        struct.occupancy_levels = len(levels)
        return {"occupancy": words}

    def _bake_grids(self, struct: BakedFrameStruct, time: float) -> dict[str, torch.Tensor]:
        layout = pair_layout(self._config.hash)
        grids = self._driver.empty((3, layout.nodes, 4), torch.int32)
        bake = describe_bake(self._config.hash, time)
        bake.tables[:] = [table.data_ptr() for table in self._tables]
        bake.grids[:] = struct.grids[:] = [grid.data_ptr() for grid in grids]
        nodes = max(level.resolution for level in bake.levels) ** 2
        grid = (min(-(-nodes // BAKE_THREADS), MAX_BAKE_BLOCKS), CHANNEL_PAIRS, 3)
        self._driver.launch(self._kernels["bake_grids"], grid, BAKE_THREADS, 0, [bake])
        return {"grids": grids}

    def _bake_heads(self, struct: BakedFrameStruct, colors: torch.Tensor) -> dict[str, torch.Tensor]:
        maps, heads, rows = len(colors[0]), self._config.color_map_resolution**2, 32 + self._config.view_channels + 3
        parameters = self._driver.adopt(colors[0].permute(1, 2, 0, 3), torch.float16)
        baked = self._driver.empty((maps, heads, rows, 32), torch.float32)
        fragments = self._driver.empty((maps, heads, HEAD_FRAGMENT_WORDS), torch.int32)
        bake = HeadBake(parameters.data_ptr(), fragments=fragments.data_ptr(), heads_per_map=heads, num_maps=maps)
        bake.view_channels = self._config.view_channels
        bake.heads[:maps] = struct.color_heads[:maps] = [head.data_ptr() for head in baked]
        self._driver.launch(self._kernels["bake_heads"], (heads, maps, 1), BAKE_THREADS, 0, [bake])
        # The parameters are read later than this returns: torch may reuse them only on this same stream.
        return {"color_heads": baked, "head_fragments": fragments}


@torch.no_grad()
def fits_half(network: MapDecoder, video: VolumetricVideo) -> bool:
    """Return whether a decoder stays within the range of half precision, tried on frames spread over a video.

    Training does not limit activations. Where one overflows, infinities spread over whole maps.
    """
    weight = next(network.parameters())
    frames = range(0, video.num_frames, max(1, video.num_frames // TRIED_FRAMES))
    latents = torch.stack([video.latent(float(frame)) for frame in frames]).to(weight)
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
