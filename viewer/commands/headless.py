"""The commands that render without a window: --render, --record and --benchmark."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from common.errors import InputError
from common.interrupts import interruptible
from common.memory import check_memory
from common.progress import progress_display
from model.camera import Camera, load_camera
from model.scene import Scene
from model.video import VolumetricVideo
from model.visibility import why_unseen
from renderer.backend import CancelToken, RenderedImage, Renderer
from renderer.fallback import FallbackRenderer
from renderer.select import backend_for, create_renderer
from viewer.app.files import read_video
from viewer.camera.control import overview
from viewer.camera_path.frame_schedule import check_range
from viewer.commands.describe import print_values
from viewer.export.projection import DEFAULT_SIZES, EYE_DISTANCE, Projection

if TYPE_CHECKING:
    from viewer.settings import DisplaySettings

DEFAULT_SIZE = (512, 512)
"""Width and height of an image without --camera and --size, pixels."""

BENCHMARK_FRAMES = 20
"""Number of frames measured without --frames."""


def render(options: argparse.Namespace) -> int:
    """Run --render: write one image as PNG or NPZ."""
    from viewer.export.image_files import BYTES_PER_PIXEL, check_image_path, save_render  # noqa: PLC0415 - only this command needs it
    from viewer.export.projection_renderer import check_projection, with_projection  # noqa: PLC0415 - for the same reason
    from viewer.picture.backdrop import Backdrop, BackdropMaker, bytes_behind, pixels_behind, with_shadow  # noqa: PLC0415 - for the same reason

    check_image_path(options.render)
    keeps_opacity = options.render.suffix.lower() == ".npz"
    if keeps_opacity:
        _print_unused(options, "NPZ files")
    camera = load_camera(options.camera) if options.camera else None
    video, projection = read_with_progress(options), _projection(options)
    video.check_time(_frame(options))
    camera = _camera_of(video, camera, options.size, projection)
    check_projection(projection, (camera.width * len(projection.eyes), camera.height), _display(options))
    if (
        options.camera
        and not projection.spherical
        and (fault := why_unseen(camera, video.box_and_occupancy(_frame(options))[0]))
    ):
        raise InputError(options.camera, f"sees nothing: {fault}", "check R and T: x_camera = R x_world + T")
    size = f"size {camera.width}x{camera.height}"
    display = _display(options)
    check_memory(camera.width * camera.height * (BYTES_PER_PIXEL + bytes_behind(display)), size, "use a smaller --size")
    cancel = CancelToken()

    def work() -> tuple[RenderedImage, Backdrop | None]:
        renderer = FallbackRenderer(create_renderer(backend_for(video, options.backend or "auto"), options.threads))
        backdrops, frame = BackdropMaker(renderer, video, display), renderer.prepare(video, _frame(options))
        behind = backdrops.behind(frame, camera, cancel)
        image = with_projection(renderer, projection, video).render(frame, camera, cancel=cancel)
        _print_note(renderer)
        return image, behind

    image, behind = interruptible(work, cancel.cancel)
    background: ArrayLike = 0.0
    if not keeps_opacity:
        image = RenderedImage(with_shadow(image.rgba, display, behind), image.depth, image.counts)
        background = pixels_behind(display, behind, camera.width, camera.height)
    save_render(options.render, image, camera, background, options.transparent, projection)
    if not image.rgba[..., 3].any():
        print("note: nothing is visible in this image; try another --frame or --camera", file=sys.stderr)
    return 0


def record(options: argparse.Namespace) -> int:
    """Run --record: write a video or a folder of PNG images, with progress on stderr."""
    from viewer.export.record_options import RecordOptions  # noqa: PLC0415 - only this command needs it

    video = read_with_progress(options)
    orbit = (options.path or "orbit") == "orbit" and not options.rig
    choices = RecordOptions(
        size=options.size or (DEFAULT_SIZES.get(options.projection, DEFAULT_SIZE) if orbit else None),
        fps=options.fps,
        frames=frame_range(options, video),
        seconds=options.seconds,
        display=_display(options),
        projection=_projection(options),
        image_format=options.images or "png",
        values=_writes_values(options),
    )
    if options.images and options.record.suffix and not options.record.is_dir():
        raise InputError(options.record, "--images needs a folder", "leave the suffix out")
    if options.images == "exr":
        _print_unused(options, "EXR images")
    if options.rig:
        from viewer.commands.record_rig import record_all_cameras  # noqa: PLC0415 - only this command needs it

        return record_all_cameras(options, video, choices)
    return _record(options, video, options.record, options.path or "orbit", choices)


def record_without_display(options: argparse.Namespace, reason: str) -> int:
    """Record a two-second orbit into NAME-orbit.mp4 in the current folder, instead of opening the window.

    Without PyAV, it writes PNG images into a new folder, NAME-orbit or NAME-orbit-2 and so on.
    """
    from viewer.app.recording import free_path  # noqa: PLC0415 - only this command needs it
    from viewer.export.encoders import has_av  # noqa: PLC0415 - as above
    from viewer.export.record_options import RecordOptions  # noqa: PLC0415 - as above

    name = f"{options.bundle.stem}-orbit"
    output = Path(f"{name}.mp4") if has_av() else free_path(Path(), name, "")
    kind = "" if has_av() else "as PNG images, because video files need the package av; "
    commands = "--render, --record, --info and --benchmark need no display"
    video = read_with_progress(options)
    if options.frame is not None:  # checked as the window would; the orbit plays all frames
        video.check_time(options.frame)
    print(f"{reason}: recording a two-second orbit to {output} instead ({kind}{commands})", flush=True)
    return _record(options, video, output, "orbit", RecordOptions(size=options.size or DEFAULT_SIZE, seconds=2.0))


def benchmark(options: argparse.Namespace) -> int:
    """Run --benchmark: print the median time of every stage over some frames of an orbit."""
    video = read_with_progress(options)
    size, cancel = options.size or DEFAULT_SIZE, CancelToken()
    check_memory(size[0] * size[1] * 24, f"size {size[0]}x{size[1]}", "use a smaller --size")

    def work() -> dict[str, Any]:
        chosen, backend = backend_for(video, options.backend or "auto"), ""
        renderer = FallbackRenderer(create_renderer(chosen, options.threads))
        while backend != renderer.name:  # measure again if a backend failed meanwhile
            backend = renderer.name
            result = measure(renderer, video, size, options.frames or BENCHMARK_FRAMES, show, cancel)
        _print_note(renderer)
        return result

    with progress_display("measuring") as show:
        result = interruptible(work, cancel.cancel)
    print_values(result, options.json)
    return 0


def measure(
    renderer: Renderer,
    video: VolumetricVideo,
    size: tuple[int, int],
    frames: int,
    progress: Callable[[int, int], None],
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Decode and render frames spread over the video from cameras spread over an orbit.

    Args:
        renderer: the backend.
        video: the scene.
        size: pixels.
        frames: number of frames to measure. One more is rendered first and not counted.
        progress: called with the number of finished frames and of all frames.
        cancel: ends it early, with `RenderCancelled`.

    Returns:
        Medians in milliseconds (`decode`, `bake`, `density`, `color`, `render`, `total`: a new frame from latent to pixels),
        medians of the samples (`density_samples`, `color_samples`), and what they were measured on.
    """
    from viewer.camera_path.presets import orbit_camera  # noqa: PLC0415 - only measuring needs it

    rows = []
    for index in range(-1, frames):
        time = float(max(index, 0) * 7 % video.num_frames)
        camera = orbit_camera(video.bounds, video.metadata.up, max(index, 0) / frames, *size)
        frame = renderer.prepare(video, time)
        cost = renderer.render(frame, camera, cancel=cancel).statistics
        stages = (frame.decode_ms, frame.bake_ms, cost.density_ms, cost.color_ms, cost.total_ms)
        rows.append((*stages, frame.decode_ms + frame.bake_ms + cost.total_ms, cost.density_samples, cost.color_samples))
        progress(index + 1, frames)
    names = ("decode", "bake", "density", "color", "render", "total", "density_samples", "color_samples")
    medians = dict(zip(names, (statistics.median(column) for column in zip(*rows[1:], strict=True)), strict=True))
    result: dict[str, Any] = {name: round(value, 3) for name, value in medians.items()}
    samples = {name: int(result.pop(name)) for name in names[6:]}
    measured_on = {"backend": renderer.name, "device": renderer.device, "threads": renderer.threads}
    return {**result, **samples, "frames": frames, "width": size[0], "height": size[1], **measured_on}


def frame_range(options: argparse.Namespace, video: VolumetricVideo) -> tuple[int, int] | None:
    """Return A and B of --frames A:B with what was left out; None without it. Raise InputError if there are no such frames."""
    if options.frames is None:
        return None
    first, end = options.frames
    return check_range((first or 0, video.num_frames if end is None else end), video.num_frames)


@contextlib.contextmanager
def naming_file(path: str) -> Iterator[None]:
    """Name the file of a camera path in errors about its keyframes."""
    try:
        yield
    except InputError as error:
        if not error.subject.startswith("keyframe"):
            raise
        raise InputError(path, f"{error.subject} {error.fault}", error.remedy) from error


def _record(options: argparse.Namespace, video: VolumetricVideo, output: Path, path: str, choices: Any) -> int:
    from viewer.camera_path.foreign import SceneTimes, load_any  # noqa: PLC0415 - only recording needs it
    from viewer.export.record_options import check_output, plan, recording_size  # noqa: PLC0415 - only recording needs it
    from viewer.export.recorder import record  # noqa: PLC0415 - only recording needs it
    from viewer.export.unseen import check_path_sees, checked_frames  # noqa: PLC0415 - for the same reason
    from viewer.export.view_values import with_depth_range  # noqa: PLC0415 - for the same reason

    route = path if path == "orbit" else load_any(Path(path), SceneTimes(video.num_frames, video.metadata.fps))
    size = recording_size(route, choices)  # report bad options before a renderer is started
    with naming_file(path):
        schedule = plan(video, route, size, choices)
    check_output(output, size, choices)
    if not choices.projection.spherical:
        check_path_sees(path, schedule, video)
    cameras = map(schedule.camera, checked_frames(schedule.count))
    choices = replace(choices, display=with_depth_range(choices.display, cameras, video.bounds))
    cancel = CancelToken()

    def work() -> str:
        renderer = create_renderer(backend_for(video, options.backend or "auto"), options.threads)
        return record(renderer, video, output, route, choices, lambda p: show(p.done, p.total), cancel).message

    with progress_display(f"recording {output}") as show:
        message = interruptible(work, cancel.cancel)
    print(message)
    return 0


def read_with_progress(options: argparse.Namespace) -> VolumetricVideo:
    """Read the video, with progress on stderr if it comes from a server.

    Raises:
        InputError: as `read_video` does, or it is a scene that shows nothing; no command can change what it shows.
    """
    if isinstance(options.bundle, Path):
        video = read_video(options.bundle)
        if isinstance(video, Scene) and (fault := video.why_empty()):
            raise InputError(options.bundle, f"shows nothing: {fault}", "change that in the window or in the file")
        return video
    with progress_display(f"loading {options.bundle.name}") as show:
        return read_video(options.bundle, lambda share, _: show(round(100 * share), 100), options.config)


def _print_unused(options: argparse.Namespace, files: str) -> None:
    """Say which options have no effect, because these files keep color and opacity as rendered, with nothing behind them."""
    given = [name for name in ("background", "panorama", "shadow", "transparent") if getattr(options, name)]
    if given:
        names, has = " and ".join(f"--{name}" for name in given), "has" if len(given) == 1 else "have"
        print(f"note: {names} {has} no effect on {files}, which keep color and opacity as rendered", file=sys.stderr)


def _print_note(renderer: FallbackRenderer) -> None:
    if renderer.note:
        print(f"note: {renderer.note}", file=sys.stderr)


def _display(options: argparse.Namespace) -> DisplaySettings:
    """Return background and shadow of --render and --record."""
    from viewer.settings import DisplaySettings  # noqa: PLC0415 - quicker start

    view: dict[str, Any] = {"mode": options.view or "color", "show_shadow": options.shadow}
    if options.view == "opacity":
        view["color_map"] = "gray"
    if options.range:
        view |= {"automatic_range": False, "low": options.range[0], "high": options.range[1]}
    chosen = options.background or (0.0, 0.0, 0.0)
    kind, file = ("panorama", options.panorama) if options.panorama else ("picture", chosen)
    if not isinstance(file, Path):
        return DisplaySettings(background_color=chosen, **view)
    return DisplaySettings(background=kind, background_file=str(file), **view)


def _projection(options: argparse.Namespace) -> Projection:
    return Projection(options.projection or "perspective", options.eye_distance or EYE_DISTANCE)


def _writes_values(options: argparse.Namespace) -> bool:
    """Return whether --record writes depth in millimeters or opacity as gray. EXR files have both anyway."""
    folder = options.record.is_dir() or not options.record.suffix
    return folder and options.view in ("depth", "opacity") and options.images != "exr" and not options.range


def _frame(options: argparse.Namespace) -> float:
    return 0.0 if options.frame is None else options.frame


def _camera_of(video: VolumetricVideo, camera: Camera | None, size: tuple[int, int] | None, projection: Projection) -> Camera:
    """Return the camera of --render, or the one with the whole scene in view, in the size of one eye's image."""
    if size is None and (camera is None or projection.spherical):
        size = DEFAULT_SIZES.get(projection.name, DEFAULT_SIZE)
    if size is None:
        assert camera is not None
        return camera
    projection.check_size(*size)
    size = projection.eye_size(*size)
    return overview(video.bounds, video.metadata.up, *size) if camera is None else camera.fitted(*size)
