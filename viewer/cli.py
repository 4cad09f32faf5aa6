"""The viewer's command line: open the window, or run a command that needs none.

python run_viewer.py [BUNDLE|RUN|https://...]
python run_viewer.py BUNDLE --render OUT.png|OUT.npz --frame F --camera CAM.json
python run_viewer.py BUNDLE --record OUT.mp4|FOLDER --path orbit|PATH.json
python run_viewer.py BUNDLE --record OUT.mp4|FOLDER --rig CAMERAS.json|capture
python run_viewer.py BUNDLE --mesh OUT.ply|OUT.glb|OUT.usdc --frames A:B [--points N]
python run_viewer.py BUNDLE --export-path OUT.glb|OUT.json --path orbit|PATH.json
python run_viewer.py BUNDLE --info [--json]
python run_viewer.py BUNDLE --verify [--json]
python run_viewer.py BUNDLE --benchmark [--window] [--json]
python run_viewer.py BUNDLE --selftest
python run_viewer.py BUNDLE|RUN --serve [--port N] [--host ADDRESS] [--token TEXT]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.command_line import ArgumentParser, parse_count, parse_finite, parse_size, parse_threads, run
from common.pytorch import require_pytorch
from renderer.select import BACKENDS
from viewer import DEMO, DISPLAY_MODES, PROGRAM, PROJECTIONS, SCALAR_MODES, __version__
from viewer.option_types import parse_background, parse_limits, parse_place, parse_port, parse_positive, parse_range


def make_parser() -> ArgumentParser:
    """Create the parser with all options."""
    parser = ArgumentParser(prog="run_viewer.py", description="View a volumetric video made of dynamic MLP maps.")
    parser.add_argument(
        "bundle",
        nargs="?",
        type=parse_place,
        metavar="BUNDLE",
        help="a .mlpvid file, a .mlpvid-scene file, the folder of a training run, or an address (default: the demo)",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}", help="print the version")
    commands = parser.add_argument_group("commands without a window").add_mutually_exclusive_group()
    commands.add_argument("--render", type=Path, metavar="OUT", help="write one image, .png or .npz")
    commands.add_argument("--record", type=Path, metavar="OUT", help="write a video, or PNG images into a folder")
    commands.add_argument(
        "--mesh", type=Path, metavar="OUT", help="write the surface of frames: .ply, .glb, or .usdc, .usda, .usdz"
    )
    commands.add_argument(
        "--export-path", type=Path, metavar="OUT", help="write the cameras of --path for Blender (.glb) or nerfstudio (.json)"
    )
    commands.add_argument("--info", action="store_true", help="describe the bundle")
    commands.add_argument(
        "--verify", action="store_true", help="compare the bundle with its checksums; status 2 if it is damaged"
    )
    commands.add_argument("--benchmark", action="store_true", help="measure the time of each stage of rendering")
    commands.add_argument("--selftest", action="store_true", help="test the backends of this machine and print a report")
    commands.add_argument("--serve", action="store_true", help="show the video in browsers, through viser")
    if parser.usage:  # `mlpvid render` and so on: the command is chosen already
        for action in commands._group_actions:
            action.help = argparse.SUPPRESS
    parser.add_argument(
        "--window",
        action="store_true",
        help="fail without a display instead of recording an orbit; with --benchmark, measure the window too",
    )
    _add_view_options(parser)
    video = parser.add_argument_group("video and measurement")
    video.add_argument(
        "--path",
        metavar="orbit|PATH.json",
        help="--record, --export-path: camera path (default: orbit); files of other programs work, too",
    )
    video.add_argument(
        "--rig", metavar="CAMERAS.json|capture", help="--record: one output per camera of a list, or of the bundle's capture"
    )
    video.add_argument(
        "--frames", metavar="A:B|N", help="--record, --mesh, --export-path: frames A to B-1; --benchmark: number of frames"
    )
    video.add_argument(
        "--seconds",
        type=parse_positive,
        help="length of an orbit (default: as long as the frames last), or of each measurement of --benchmark --window",
    )
    _add_content_options(video)
    _add_projection_options(parser)
    _add_mesh_options(parser)
    video.add_argument("--fps", type=parse_positive, help="frames per second of the video (default: the bundle's)")
    _add_server_options(parser)
    parser.add_argument("--json", action="store_true", help="--info, --verify, --benchmark: machine-readable output")
    return parser


def _add_content_options(video: Any) -> None:
    video.add_argument(
        "--view",
        choices=DISPLAY_MODES,
        help="--record: what each pixel shows (default: color); folders get depth in millimeters and opacity as gray",
    )
    video.add_argument(
        "--range",
        type=parse_limits,
        metavar="LOW,HIGH",
        help="--view: values at the two ends of the color map (depth in meters)",
    )
    video.add_argument(
        "--images", choices=("png", "exr"), help="--record into a folder: format of the images; EXR has depth in meters, too"
    )


def _add_mesh_options(parser: ArgumentParser) -> None:
    surface = parser.add_argument_group("surface")
    surface.add_argument(
        "--resolution", type=parse_count, metavar="N", help="--mesh: voxels along the longest side (default: 192)"
    )
    surface.add_argument(
        "--density",
        type=parse_positive,
        metavar="D",
        help="--mesh: density at the surface, 1/m (default: where two steps of the renderer absorb half of the light)",
    )
    surface.add_argument("--points", type=parse_count, metavar="N", help="--mesh: this many points instead of triangles")


def _add_projection_options(parser: ArgumentParser) -> None:
    projection = parser.add_argument_group("360 degrees and stereo")
    projection.add_argument(
        "--projection",
        choices=PROJECTIONS,
        help="--render, --record: equirectangular is a 360-degree panorama, stereo and vr180 have two eyes side by side",
    )
    projection.add_argument(
        "--eye-distance",
        type=parse_positive,
        metavar="M",
        help="stereo and vr180: distance between the eyes, meters (default: 0.063)",
    )


def _add_view_options(parser: ArgumentParser) -> None:
    view = parser.add_argument_group("view")
    view.add_argument("--backend", choices=BACKENDS, help="backend that renders (default: auto, the fastest that works)")
    view.add_argument("--threads", type=parse_threads, help="number of CPU threads (default: one per core)")
    view.add_argument("--frame", type=parse_finite, metavar="F", help="frame number, may have a fraction (default: 0)")
    view.add_argument("--camera", type=Path, metavar="CAM.json", help="camera of --render (default: whole scene in view)")
    view.add_argument("--size", type=parse_size, metavar="WxH", help="size of the image, video or window in pixels")
    view.add_argument(
        "--background",
        type=parse_background,
        metavar="R,G,B|IMAGE",
        help="background color (default: 0,0,0), or an image that fills the picture",
    )
    view.add_argument("--panorama", type=Path, metavar="IMAGE", help="equirectangular panorama behind the volume")
    view.add_argument("--shadow", action="store_true", help="--render, --record, --serve: a soft shadow on the ground")
    view.add_argument("--transparent", action="store_true", help="--render: write a PNG with transparency")
    view.add_argument("--config", type=Path, metavar="FILE.yaml", help="settings file used instead of your own")


def _add_server_options(parser: ArgumentParser) -> None:
    server = parser.add_argument_group("server (--serve)")
    server.add_argument("--port", type=parse_port, metavar="N", help="port to listen on (default: 8080; 0: a free one)")
    server.add_argument(
        "--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1, this machine only; 0.0.0.0: all networks)"
    )
    server.add_argument(
        "--token",
        metavar="TEXT|random",
        help="secret that visitors need in the address (default: none on this machine, otherwise a random one)",
    )


def check_options(parser: ArgumentParser, options: argparse.Namespace) -> None:
    """Exit with an error if an option does not apply to the command. Set the defaults that depend on the command.

    The options --backend, --threads and --config apply to every command.
    """
    _check_placement(parser, options)
    for name in ("path", "rig", "host"):
        if getattr(options, name) == "":  # a variable without a value in a script
            parser.error(f"--{name} is empty")
    if options.render and options.render.suffix.lower() not in (".png", ".npz"):
        parser.error(f"--render {options.render}: the name must end in .png or .npz")
    for name, given in (("--background", options.background), ("--panorama", options.panorama)):
        if options.transparent and given:
            parser.error(f"--transparent and {name} cannot be combined")
    if options.background and options.panorama:
        parser.error("--background and --panorama cannot be combined")
    if options.frames is not None:
        try:
            counted = options.benchmark and not options.window
            options.frames = parse_count(options.frames) if counted else parse_range(options.frames)
        except argparse.ArgumentTypeError as error:
            parser.error(f"argument --frames: {error}")
    options.bundle = options.bundle or DEMO


def let_waiting_threads_sleep() -> None:
    """Make PyTorch's threads sleep while they wait for each other, unless the environment sets something else.

    By default they spin. When the window, the renderer or other programs need the cores too, the spinning threads keep them
    from the thread that they wait for, and decoding took ten times as long. OpenMP reads this when PyTorch is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def skip_plugins() -> None:
    """Make pydantic, which checks settings and bundles, look for no plugins, unless the environment says otherwise.

    It would read the metadata of every package that is installed, which takes a tenth of the time of --info.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _check_placement(parser: ArgumentParser, options: argparse.Namespace) -> None:
    names = ("render", "record", "mesh", "export_path", "info", "verify", "benchmark", "selftest", "serve")
    commands = [getattr(options, name) for name in names]
    window, measures_window = not any(commands), options.benchmark and options.window
    path = (options.record and not options.rig) or options.export_path
    orbit = path and (options.path or "orbit") == "orbit"
    ranged = options.record or options.mesh or options.export_path
    pictures = options.render or options.record or options.serve
    rows = (
        ("--camera", options.camera, options.render, "--render"),
        ("--transparent", options.transparent, options.render, "--render"),
        ("--background", options.background, pictures, "--render, --record and --serve"),
        ("--panorama", options.panorama, pictures, "--render, --record and --serve"),
        ("--shadow", options.shadow, pictures, "--render, --record and --serve"),
        ("--frame", options.frame, options.render or window, "--render and the window"),
        (
            "--size",
            options.size,
            not (options.info or options.verify or options.serve or options.mesh),
            "images, videos, camera paths, measurements and the window",
        ),
        ("--path", options.path, path, "--export-path, and to --record without --rig"),
        ("--rig", options.rig, options.record, "--record"),
        ("--view", options.view, options.record, "--record"),
        (
            "--projection",
            options.projection,
            (options.render or options.record) and not options.rig,
            "--render, and to --record without --rig",
        ),
        ("--eye-distance", options.eye_distance, options.projection in ("stereo", "vr180"), "--projection stereo and vr180"),
        (
            "--range",
            options.range,
            options.record and options.view in SCALAR_MODES,
            "--record with a --view that is mapped to colors, such as depth",
        ),
        ("--images", options.images, options.record, "--record"),
        ("--resolution", options.resolution, options.mesh, "--mesh"),
        ("--density", options.density, options.mesh, "--mesh"),
        ("--points", options.points, options.mesh, "--mesh"),
        ("--fps", options.fps, options.record or options.export_path, "--record and --export-path"),
        ("--seconds", options.seconds, measures_window or orbit, "orbits, and to --benchmark --window"),
        (
            "--frames",
            options.frames,
            ranged or (options.benchmark and not options.window),
            "--record, --mesh, --export-path, and to --benchmark without --window",
        ),
        ("--window", options.window, window or options.benchmark, "the window and to --benchmark"),
        ("--port", options.port, options.serve, "--serve"),
        ("--host", options.host, options.serve, "--serve"),
        ("--token", options.token, options.serve, "--serve"),
        ("--json", options.json, options.info or options.verify or options.benchmark, "--info, --verify and --benchmark"),
    )
    for name, value, applies, place in rows:
        given = value is not None and value is not False  # frame 0 is given, too
        if given and not applies:
            hint = "; --frames does" if name == "--frame" and (ranged or options.benchmark) else f", only to {place}"
            parser.error(f"{name} does not apply to this command{hint}")


def load_command(options: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    """Import the command that the options name, and only what it needs."""
    names = ("render", "record", "benchmark")
    if any(getattr(options, name) for name in names):
        from viewer.commands import headless  # noqa: PLC0415 - loads PyTorch, which a usage error does not need

        name = next(name for name in names if getattr(options, name))
        command: Callable[[argparse.Namespace], int] = getattr(headless, name)
        if options.benchmark and options.window:
            from viewer.commands.window_benchmark import window_benchmark as command  # noqa: PLC0415 - loads the window
    elif options.info:
        from viewer.commands.describe import info as command  # noqa: PLC0415 - only what it needs
    elif options.verify:
        from viewer.commands.describe import verify as command  # noqa: PLC0415 - only what it needs
    elif options.mesh:
        from viewer.commands.export_files import mesh as command  # noqa: PLC0415 - only what it needs
    elif options.export_path:
        from viewer.commands.export_files import export_path as command  # noqa: PLC0415 - only what it needs
    elif options.selftest:
        command = _selftest
    elif options.serve:
        from viewer.commands.serve import serve as command  # noqa: PLC0415 - only what it needs
    else:
        from viewer.commands.start import start as command  # noqa: PLC0415 - usage errors need none of it

    def checked(options: argparse.Namespace) -> int:
        _check_output(options)
        if options.config is not None:  # report a bad file even if the command does not use it
            from viewer.commands.start import choose_settings  # noqa: PLC0415 - loads the settings

            choose_settings(options.config)
        return command(options)

    return checked


def _check_output(options: argparse.Namespace) -> None:
    from common.atomic import check_differs  # noqa: PLC0415 - only commands that write need it

    output = options.render or options.record or options.mesh or options.export_path
    if output:
        names = [Path(name) for name in (options.rig, options.path) if name is not None]
        inputs = (options.bundle, options.camera, options.config, options.panorama, options.background, *names)
        check_differs(output, inputs)


def _selftest(options: argparse.Namespace) -> int:
    require_pytorch("--selftest")
    from viewer.commands.selftest import selftest  # noqa: PLC0415 - loads PyTorch

    return selftest(options)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    check_options(parser, options)
    let_waiting_threads_sleep()
    skip_plugins()
    return run(load_command(options), options)
