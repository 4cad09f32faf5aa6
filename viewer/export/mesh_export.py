"""Export the surface of a frame, or of every frame in a range, as meshes, point clouds or one animated file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from common.atomic import check_target
from common.errors import InputError
from common.pytorch import require_pytorch
from model.scene import Box, PlacedVideo, Scene
from model.video import VolumetricVideo
from renderer.backend import CancelToken
from viewer.camera_path.frame_schedule import check_range
from viewer.export.mesh import Mesh, MeshOptions
from viewer.export.mesh_files import check_mesh_path, save_mesh
from viewer.export.usd_file import USD_SUFFIXES, UsdTimes, usd_file


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

    A USD file contains all frames, as an animation.

    Args:
        video: a video, or a scene, of which the visible videos are written in their places, each inside its crop box.
        output: .ply, .glb, .usdc, .usda or .usdz.
        frames: (A, B).
        options: resolution and density of the surface.
        points: write this many points on the surface instead of triangles.
        progress: called with the number of finished frames, of all frames, and the fraction of the current one, 0 to 1.
        cancel: ends it early; files already written are kept, but there is no unfinished USD file.
        crop: only the part inside this box is written, meters; scenes have one for each video instead.

    Returns:
        The files, in order.

    Raises:
        InputError: the range is not within the video, a file cannot be written, a frame has no surface, or PyTorch or
            usd-core is not installed.
        RenderCancelled: `cancel` was set.
    """
    require_pytorch("mesh export")
    from viewer.export.placed_mesh import extract_placed  # noqa: PLC0415 - loads PyTorch

    first, end = check_range(frames, video.num_frames)
    check_mesh_path(output)
    files = [output] if is_animation(output) else [path_of_frame(output, time, end - first) for time in range(first, end)]
    for file in files:
        check_target(file)
    if points is not None and not 1 <= points <= 50_000_000:
        raise InputError(f"{points} points", "must be 1 to 50 million")
    token = cancel or CancelToken()
    with _writer(files, video, UsdTimes(first, end - 1, video.metadata.fps), options) as write:
        for time in range(first, end):
            token.check()
            done = time - first

            def report(part: float, done: int = done) -> None:
                progress(done, end - first, part)

            write(time, extract_placed(_parts(video, float(time), crop), options, points, report, token))
            progress(done + 1, end - first, 0.0)
    return files


def is_animation(output: Path) -> bool:
    """Return whether a file takes all frames."""
    return output.suffix.lower() in USD_SUFFIXES


@contextlib.contextmanager
def _writer(
    files: list[Path], video: VolumetricVideo, times: UsdTimes, options: MeshOptions
) -> Iterator[Callable[[int, Mesh], None]]:
    """Provide a function that writes the surface of a frame: into the animated file, or into a file of its own."""
    up = video.metadata.up
    if is_animation(files[0]):
        side = float((video.bounds[1] - video.bounds[0]).max())
        with usd_file(files[0], times, up, side / options.resolution) as add:
            yield add
    else:
        yield lambda frame, mesh: save_mesh(files[frame - times.first], mesh, up)


def path_of_frame(output: Path, frame: int, count: int) -> Path:
    """Return the file of a frame: `output` if it is the only one, otherwise NAME-000012.ply and so on."""
    return output if count == 1 else output.with_name(f"{output.stem}-{frame:06d}{output.suffix}")


def _parts(video: VolumetricVideo, time: float, crop: Box | None) -> list[tuple[PlacedVideo, float]]:
    """Return what is visible at a frame index, with the index in each video."""
    if isinstance(video, Scene):
        if not video.shown:
            raise InputError("mesh", "the scene has no visible video", "show one of its videos")
        return [(placed, video.time_in(placed, time)) for placed in video.shown]
    if not video.has_maps:
        raise InputError("mesh", "can be extracted only from videos of MLP maps")
    return [(PlacedVideo(video, crop=crop), time)]
