"""Frames that the CUDA renderer prepares on the emulated GPU: decoded, baked, freed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from model.config import PLANE_AXES
from model.hash_levels import hash_levels
from model.occupancy import pack_occupancy
from renderer.cuda import frame as frame_module
from renderer.cuda.columns import occupied_columns, seen_cells, seen_nodes
from renderer.cuda.frame import decoder_for_gpu
from renderer.cuda.renderer import CudaRenderer
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera
from tests.renderer.cuda.emulated_gpu import EmulatedDriver
from tests.renderer.cuda.small_videos import HEIGHT, VARIANTS, WIDTH, psnr, small_video

pytestmark = [pytest.mark.native, pytest.mark.gpu]


def test_baked_grids_are_those_of_the_model(driver: EmulatedDriver) -> None:
    video = small_video()
    video.occupancy.fill(255)  # all cells
    frame = CudaRenderer(driver).prepare(video, 1.3)
    quads = frame.tensors["grids"].view(torch.float16).view(3, -1, 4, 2).float() * frame.struct.grid_scale
    for pair, (level, grid) in enumerate(zip(hash_levels(video.config.hash), video.hash_encoding.bake(1.3 / 3), strict=True)):
        nodes, start = level.resolution, frame.struct.group_offset[pair]
        baked = quads[:, start : start + nodes * nodes].view(3, nodes, nodes, 4, 2)[:, :-1, :-1]
        wanted = grid.permute(0, 2, 3, 1)
        corners = [wanted[:, :-1, :-1], wanted[:, :-1, 1:], wanted[:, 1:, :-1], wanted[:, 1:, 1:]]
        assert torch.allclose(baked, torch.stack(corners, 3), atol=6e-4)


@pytest.mark.parametrize("name", ["paper", "one plane", "three alike", "few levels"])
def test_frames_prepared_together_are_those_prepared_alone(driver: EmulatedDriver, name: str) -> None:
    video, times = small_video(seed=3, **VARIANTS[name]), [0.0, 1.7]
    renderer = CudaRenderer(driver)
    alone = [renderer.prepare(video, time) for time in times]
    driver.launched.clear()
    together = renderer.prepare_together(video, times)
    assert [launch[0] for launch in driver.launched] == ["bake_grids", "bake_planes", "bake_heads"]
    for one, other in zip(alone, together, strict=True):
        assert (one.time, one.nbytes) == (other.time, other.nbytes) and other.decode_ms == other.bake_ms == 0.5
        for tensor in ("feature_planes", "density_maps"):
            assert torch.allclose(one.tensors[tensor].float(), other.tensors[tensor].float(), atol=2e-3), tensor
        camera = make_camera(WIDTH, HEIGHT)
        assert psnr(renderer.render(other, camera), renderer.render(one, camera)) > 60
    assert not torch.equal(together[0].tensors["feature_planes"], together[1].tensors["feature_planes"])


def test_the_next_frames_do_not_change_those_before(driver: EmulatedDriver) -> None:
    """All frames are decoded into the same memory; each has its own for the results."""
    renderer, video, camera = CudaRenderer(driver), small_video(), make_camera(WIDTH, HEIGHT)
    frames = renderer.prepare_together(video, [0.0, 1.0])
    before = [renderer.render(frame, camera).rgba for frame in frames]
    renderer.prepare_together(video, [2.0, 0.5])
    for frame, wanted in zip(frames, before, strict=True):
        assert np.array_equal(renderer.render(frame, camera).rgba, wanted)


def test_only_cells_over_occupied_columns_are_baked(driver: EmulatedDriver) -> None:
    video = small_video()
    video.occupancy = pack_occupancy(torch.rand(3, *video.config.occupancy.resolution) < 0.03)
    _, occupancy = video.box_and_occupancy(1.0)
    frame = CudaRenderer(driver).prepare(video, 1.0)
    seen = seen_cells(video.config, occupancy)
    cells = frame.tensors["grids"][:, : seen.shape[1]]
    untouched = (cells == -1).all(-1).numpy()  # the emulated GPU fills new memory with ones
    assert np.array_equal(~untouched, seen)
    assert 0.02 < untouched.mean() < 0.98, "nothing was left out, or nothing baked"


@pytest.mark.parametrize("seed", range(3))
def test_samples_lie_in_cells_that_are_baked(seed: int) -> None:
    """Random points of occupied cells, also on their very edges, by brute force."""
    generator = np.random.default_rng(seed)
    cells = generator.random(generator.integers(1, 9, 3)) < 0.2
    columns = occupied_columns(cells)
    nodes, scale = int(generator.integers(2, 40)), 0.0
    scale = nodes - 1 - float(generator.random()) * 0.9
    offsets = np.concatenate([generator.random((60, 3)), np.indices((2, 2, 2)).reshape(3, 8).T]).astype(np.float32)
    for cell in np.argwhere(cells):
        points = (cell + offsets) / np.array(cells.shape, np.float32)
        for plane, (u, v) in enumerate(PLANE_AXES.values()):
            seen = seen_nodes(columns[plane], nodes, scale)
            place = np.minimum((points * np.float32(scale)).astype(int), nodes - 2)
            assert seen[place[:, v], place[:, u]].all()


def test_a_frame_knows_its_memory_and_times(driver: EmulatedDriver) -> None:
    renderer = CudaRenderer(driver)
    frame = renderer.prepare(small_video(), 1.3)
    assert frame.nbytes == sum(t.numel() * t.element_size() for t in frame.tensors.values()) > 200_000
    assert frame.decode_ms == frame.bake_ms == 1.0 and frame.time == 1.3
    assert (renderer.name, renderer.device) == ("cuda", "Emulated GPU (sm_86)")


def test_frames_of_a_video_share_its_network(driver: EmulatedDriver) -> None:
    renderer, video = CudaRenderer(driver), small_video()
    renderer.prepare(video, 0.0)
    graphs = driver.operations.count("graph")
    renderer.prepare(video, 1.0)
    assert driver.operations.count("graph") == graphs == 2, "decoding and baking"
    renderer.prepare(small_video(seed=1), 0.0)
    assert driver.operations.count("graph") == 4


@pytest.mark.parametrize("half", [True, False])
def test_the_decoders_biases_lie_in_memory_as_its_activations_do(half: bool) -> None:
    """Channels are neighbors. Otherwise each addition of a bias reads memory with a stride of a whole plane."""
    decoder = small_video().decoder
    for layer in decoder.backbone.upsamples:
        layer.get_parameter("bias").normal_()
    network = decoder_for_gpu(decoder, torch.device("cpu"), half=half)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    for layer in network.backbone.upsamples:
        layer.register_forward_hook(lambda layer, _, output: seen.append((layer.bias, output)))
    latent = torch.randn(1, decoder.config.decoder.latent_channels)
    maps = network(latent.half() if half else latent)
    assert len(seen) > 2
    for bias, output in seen:
        assert bias.stride(0) == 1 == output.stride(1)
    for ours, theirs in zip(maps, decoder(latent), strict=True):
        gain = theirs.abs().max() / ours.abs().max()
        assert torch.allclose(ours.float() * gain, theirs, atol=2e-2 * float(theirs.abs().max()))


def test_videos_with_the_same_decoder_share_its_network(driver: EmulatedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a long video have tables of their own; the decoder is in the GPU's memory once."""
    made: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append(1)
        return decoder_for_gpu(*arguments, **options)

    monkeypatch.setattr(frame_module, "decoder_for_gpu", counted)
    first, second, other = (small_video(seed=seed) for seed in (1, 2, 3))
    second.decoder_weights = first.decoder_weights
    second.__dict__.pop("decoder", None)
    renderer, camera = CudaRenderer(driver), make_camera(WIDTH, HEIGHT)
    reference = ReferenceRenderer(1)
    for video, count in ((first, 1), (second, 1), (other, 2)):
        image = renderer.render(renderer.prepare(video, 1.0), camera)
        assert len(made) == count
        assert psnr(image, reference.render(reference.prepare(video, 1.0), camera)) > 40
