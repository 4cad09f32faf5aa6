"""The reference renderer: plain, differentiable PyTorch. Tests compare every other backend with it."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.bundle.layout import decoded_bytes
from model.camera import Camera
from model.frame import Frame
from model.methods.method import MethodFrame, PointQueries
from model.query import HashFeatures, MapQueries
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Region, RenderedImage, RenderSettings, RenderStatistics
from renderer.reference.compositing import pad_rays, volume_weights
from renderer.reference.rays import camera_rays, intersect_box, place_samples
from renderer.threads import torch_threads

MAX_SAMPLES_AT_ONCE = 1 << 19
"""Samples evaluated together. This limits the memory for an image of any size to about 1.5 GB."""


@dataclass
class RaySamples:
    """The samples of some rays that lie in occupied cells, in ray order and front to back."""

    rays: torch.Tensor
    """(S,) int64: the ray of each sample."""
    points: torch.Tensor
    """(S, 3) in [0, 1]^3 of the box."""
    distances: torch.Tensor
    """(S,) meters along the ray."""

    def within(self, depth_range: tuple[float, float], z: torch.Tensor) -> RaySamples:
        """Return the samples from the first to below the second depth, meters; z is the depth per meter of each ray."""
        first, end = (torch.tensor(depth) / z[self.rays] for depth in depth_range)
        inside = (self.distances >= first) & (self.distances < end)
        return RaySamples(self.rays[inside], self.points[inside], self.distances[inside])


@dataclass
class RayColors:
    """Colors, distances and sample counts of rays."""

    rgba: torch.Tensor
    """(R, 4) premultiplied color and opacity."""
    distance: torch.Tensor
    """(R,) weighted mean distance of the samples with color, meters; 0 where there are none."""
    counts: torch.Tensor
    """(R, 2) int64 samples in the density and the color pass."""


def sample_rays(
    frame: Frame | MethodFrame,
    origin: torch.Tensor,
    directions: torch.Tensor,
    step: float,
    settings: RenderSettings = RenderSettings(),
    z: torch.Tensor | None = None,
) -> RaySamples:
    """Place samples at t_near + (k + 0.5) * step on each ray and keep those that lie in occupied cells and count.

    Args:
        frame: its box and occupancy are used.
        origin: (3,) or (R, 3), meters.
        directions: (R, 3), unit.
        step: meters.
        settings: its crop box and depth range.
        z: (R,) depth per meter of each ray; needed only for a depth range.
    """
    t_near, t_far = intersect_box(origin, directions, torch.from_numpy(settings.clip(frame.box.numpy())))
    longest = float((t_far - t_near).max()) if len(directions) else 0.0
    most = max(1, int(np.ceil(longest / step)) + 1)
    distances = t_near[:, None] + (torch.arange(most) + 0.5) * step
    samples = RaySamples(*place_samples(origin, directions, distances, t_far, frame.box, frame.occupancy))
    return samples if settings.depth_range is None or z is None else samples.within(settings.depth_range, z)


def queries_of(frame: Frame | MethodFrame, hash_features: HashFeatures | None = None) -> PointQueries:
    """Return density and color of a frame of any method; `hash_features` as in `model.query.query_features`."""
    return frame.queries if isinstance(frame, MethodFrame) else MapQueries(frame, hash_features)


def render_rays(
    frame: Frame | MethodFrame,
    origin: torch.Tensor,
    directions: torch.Tensor,
    settings: RenderSettings = RenderSettings(),
    hash_features: HashFeatures | None = None,
    z: torch.Tensor | None = None,
) -> RayColors:
    """Render rays in two passes; differentiable with respect to what the frame is made of.

    The density pass evaluates all samples in occupied cells, the color pass those with a weight above tau2. Color and
    opacity sum over the latter, so that a ray may end as soon as its transmittance is tau2 or less.

    Args:
        frame: the decoded frame.
        origin: (3,) or (R, 3), meters.
        directions: (R, 3), unit.
        settings: step, tau2, crop box and depth range.
        hash_features: used instead of the frame's baked grids.
        z: (R,) depth per meter of each ray; needed only for a depth range.
    """
    rays, step = len(directions), settings.step(frame.config.render, frame.box, origin)
    threshold = settings.weight_threshold if settings.weight_threshold is not None else frame.config.render.weight_threshold
    samples = sample_rays(frame, origin, directions, step, settings, z)
    ray, points = samples.rays, samples.points
    queries = queries_of(frame, hash_features)
    features = queries.features(points)
    optical_depth, index = pad_rays(torch.relu(queries.raw_density(points, features)) * step, ray, rays)
    w = volume_weights(optical_depth).flatten()[index]
    kept = (w.detach() > threshold).nonzero()[:, 0]
    color = queries.color(points[kept], features[kept], directions[ray[kept]])
    values = torch.cat([color, torch.ones_like(color[:, :1]), samples.distances[kept, None]], dim=1)
    sums = w.new_zeros(rays, 5).index_add(0, ray[kept], w[kept, None] * values)
    counts = torch.stack([torch.bincount(r, minlength=rays) for r in (ray, ray[kept])], dim=1)
    return RayColors(sums[:, :4], sums[:, 4] / sums[:, 3].clamp(min=1e-12), counts)


@torch.no_grad()
def render_image(
    frame: Frame | MethodFrame,
    camera: Camera,
    settings: RenderSettings = RenderSettings(),
    hash_features: HashFeatures | None = None,
    cancel: CancelToken | None = None,
    region: Region | None = None,
) -> RenderedImage:
    """Render a view in batches of rays; arguments as in `render_rays` and `renderer.backend.Renderer.render`."""
    start = clock.perf_counter()
    x0, y0, x1, y1 = region or (0, 0, camera.width, camera.height)
    origin, directions, z = camera_rays(camera, region)
    rgba, depth, counts = torch.zeros(len(z), 4), torch.zeros(len(z)), torch.zeros(len(z), 2, dtype=torch.int64)
    t_near, t_far = intersect_box(origin, directions, torch.from_numpy(settings.clip(frame.box.numpy())))
    hits = (t_far > t_near).nonzero()[:, 0]
    steps = settings.steps_per_diagonal or frame.config.render.steps_per_diagonal
    for rays in hits.split(max(1, MAX_SAMPLES_AT_ONCE // steps)):
        if cancel is not None:
            cancel.check()
        seen = render_rays(frame, origin, directions[rays], settings, hash_features, z[rays])
        rgba[rays], depth[rays], counts[rays] = seen.rgba, seen.distance * z[rays], seen.counts
    shape = (y1 - y0, x1 - x0)
    density_samples, color_samples = counts.sum(0).tolist()
    elapsed = (clock.perf_counter() - start) * 1000
    return RenderedImage(
        rgba.clamp(0, 1).view(*shape, 4).numpy(),
        depth.view(shape).numpy(),
        counts.view(*shape, 2).clamp(max=65535).numpy().astype(np.uint16),
        RenderStatistics(total_ms=elapsed, density_samples=density_samples, color_samples=color_samples),
    )


class ReferenceFrame:
    """A decoded frame of any method, with what every prepared frame reports about itself."""

    def __init__(self, frame: Frame | MethodFrame, decode_ms: float) -> None:
        self.frame = frame
        self.time = frame.time
        self.box: NDArray[np.float32] = frame.box.numpy()
        self.decode_ms = decode_ms
        self.bake_ms = 0.0
        self.nbytes = decoded_bytes(frame.config) if isinstance(frame, MethodFrame) else _map_bytes(frame)


def _map_bytes(frame: Frame) -> int:
    maps = [*frame.grids, frame.feature_planes, frame.density_maps, frame.color_maps, frame.occupancy]
    return sum(m.numel() * m.element_size() for m in maps)


class ReferenceRenderer:
    """The backend "reference": slow and exact, on the CPU. It works wherever PyTorch does.

    Args:
        threads: CPU threads; None means PyTorch's own number.
    """

    name = "reference"
    device = "CPU (PyTorch)"

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or torch.get_num_threads()
        self._torch_threads = threads

    def prepare(self, video: VolumetricVideo, time: float) -> ReferenceFrame:
        """Decode and bake the frame at `time`; InputError when it is out of range."""
        start = clock.perf_counter()
        with torch_threads(self._torch_threads):
            frame = video.decode(time)
        return ReferenceFrame(frame, (clock.perf_counter() - start) * 1000)

    def render(
        self,
        frame: ReferenceFrame,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view; see `renderer.backend.Renderer.render`."""
        with torch_threads(self._torch_threads):
            return render_image(frame.frame, camera, settings, cancel=cancel, region=region)
