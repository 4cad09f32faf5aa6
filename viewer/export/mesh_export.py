"""Export the surface of a frame, or of every frame in a range, as meshes or point clouds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common.errors import InputError
from common.pytorch import require_pytorch
from model.scene import Box, PlacedVideo, Scene
from model.video import VolumetricVideo
from renderer.backend import CancelToken
from viewer.camera_path.frame_schedule import check_range
from viewer.export.mesh import MeshOptions
from viewer.export.mesh_files import check_mesh_path, save_mesh


def export_meshes(
    video: VolumetricVideo,
    output: Path,
    frames: tuple[int, int],
    options: MeshOptions = MeshOptions(),
    points: int | None = None,
    progress: Callable[[int, int, float], None] = lambda done, total, part: None,
    cancel: CancelToken | None = None,
    crop: Box | None = None,
) -> list[Path]:
    """Write the surfaces of frames A to B - 1: a single frame to `output`, several to NAME-000012.ply and so on.

    Args:
        video: a video, or a scene, of which the visible videos are written in their places, each inside its crop box.
        output: .ply or .glb.
        frames: (A, B).
        options: resolution and density of the surface.
        points: write this many points on the surface instead of triangles.
        progress: called with the number of finished frames, of all frames, and the fraction of the current one, 0 to 1.
        cancel: ends it early; files already written are kept.
        crop: only the part inside this box is written, meters; scenes have one for each video instead.

    Returns:
        The files, in order.

    Raises:
        InputError: the range is not within the video, a file cannot be written, a frame has no surface, or PyTorch is not
            installed.
        RenderCancelled: `cancel` was set.
    """
    require_pytorch("mesh export")
    from viewer.export.placed_mesh import extract_placed  # noqa: PLC0415 - loads PyTorch

    first, end = check_range(frames, video.num_frames)
    check_mesh_path(output)
    if points is not None and not 1 <= points <= 50_000_000:
        raise InputError(f"{points} points", "must be 1 to 50 million")
    token = cancel or CancelToken()
    written: list[Path] = []
    for time in range(first, end):
        token.check()
        done = time - first

        def report(part: float, done: int = done) -> None:
            progress(done, end - first, part)

        mesh = extract_placed(_parts(video, float(time), crop), options, points, report, token)
        path = output if end - first == 1 else output.with_name(f"{output.stem}-{time:06d}{output.suffix}")
        save_mesh(path, mesh, video.metadata.up)
        written.append(path)
        progress(done + 1, end - first, 0.0)
    return written


def _parts(video: VolumetricVideo, time: float, crop: Box | None) -> list[tuple[PlacedVideo, float]]:
    """Return what is visible at a frame index, with the index in each video."""
    if isinstance(video, Scene):
        if not video.shown:
            raise InputError("mesh", "the scene has no visible video", "show one of its videos")
        return [(placed, video.time_in(placed, time)) for placed in video.shown]
    if not video.has_maps:
        raise InputError("mesh", "can be extracted only from videos of MLP maps")
    return [(PlacedVideo(video, crop=crop), time)]
