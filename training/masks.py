"""`python -m training.masks`: make the masks of a capture, by the difference from the background or by finding people."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from common.atomic import atomic_write
from common.command_line import ArgumentParser, parse_finite, run
from common.errors import InputError
from common.interrupts import leave
from common.progress import progress
from training.captures.background import Background, background_of, subject_mask
from training.captures.camera_files import VideoImage, decode_videos
from training.captures.capture import Capture
from training.captures.files import CaptureFolder, find_name
from training.captures.images import Optics, Pixels, Undistortion, read_color
from training.captures.opening import add_layout_option, open_capture
from training.captures.segmentation import PersonSegmenter
from training.captures.sources import FileImage

MASKS = "masks"
"""Folder that the masks are written into."""

METHODS = ("background", "segmentation")
"""Ways to make masks."""

MEDIAN_FRAMES = 31
"""Maximum number of images of a camera whose median is its background."""

DEFAULT_THRESHOLD = 10.0
"""Difference from the background, in standard deviations of the noise, that makes a pixel part of the subject."""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = ArgumentParser(
        prog="python -m training.masks",
        description="Make the masks of a capture, by the difference from the background or by finding people.",
    )
    parser.add_argument("capture", type=Path, metavar="CAPTURE", help="folder of the capture")
    method_help = "background (cameras that stand still, the default) or segmentation (people; needs --model)"
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], metavar="NAME", help=method_help)
    parser.add_argument("--model", type=Path, metavar="FILE.tflite", help="network for segmentation (docs/captures.md)")
    plate_help = "folder with an image of each camera without the subject, CAMERA.png (default: the median over time)"
    parser.add_argument("--plates", type=Path, metavar="DIR", help=plate_help)
    threshold_help = (
        f"difference that makes a pixel part of the subject, in units of the noise (default: {DEFAULT_THRESHOLD:g})"
    )
    parser.add_argument("--threshold", type=_threshold, default=DEFAULT_THRESHOLD, metavar="X", help=threshold_help)
    parser.add_argument("--overwrite", action="store_true", help="replace masks that exist")
    add_layout_option(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status."""
    return run(make_masks, make_parser().parse_args(arguments))


def make_masks(arguments: argparse.Namespace) -> int:
    """Write the masks of all frames and cameras into the folder `masks` of the capture. Return 0.

    Masks that exist are kept, so that an interrupted command continues.

    Raises:
        InputError: the capture or a plate cannot be read, or a plate has another size than its camera's images.
    """
    if (arguments.method == "segmentation") != (arguments.model is not None):
        given, missing = ("--model", "--method segmentation") if arguments.model else ("--method segmentation", "--model")
        raise InputError(given, f"needs {missing}", "give both: --method segmentation --model FILE.tflite")
    capture = open_capture(arguments.capture, arguments.layout, {"masks": "none"}, needs_masks=False)
    covered = []
    with PersonSegmenter(arguments.model) if arguments.model else contextlib.nullcontext() as segmenter:
        for camera, name in enumerate(capture.camera_names):
            frames = [
                f for f in range(capture.num_frames) if arguments.overwrite or not mask_path(capture, f, camera).is_file()
            ]
            if not frames:
                continue
            decode_videos(capture.image_source(frame, camera) for frame in range(capture.num_frames))
            find = segmenter.mask if segmenter else _difference(capture, camera, arguments)
            for frame in progress(frames, len(frames), f"masks of {name}"):
                mask = find(capture.stored_color(frame, camera))
                _write(capture.root, mask_path(capture, frame, camera), mask)
                covered.append(float((mask > 127).mean()))
    if covered:
        print(_summary(covered, arguments.method), file=sys.stderr)
    return 0


def _difference(capture: Capture, camera: int, arguments: argparse.Namespace) -> Callable[[Pixels], Pixels]:
    background = _background(capture, camera, arguments.plates)
    return lambda image: subject_mask(image, background, arguments.threshold)


def mask_path(capture: Capture, frame: int, camera: int) -> Path:
    """Return where the mask of an image belongs: like the image, in the folder `masks`, as PNG."""
    source = capture.image_source(frame, camera)
    if isinstance(source, VideoImage):
        return capture.root / MASKS / capture.camera_names[camera] / f"{capture.frame_name(frame):0>6}.png"
    relative = PurePosixPath(source.path.relative_to(capture.root).as_posix())
    parts = relative.parts[1:] if relative.parts[0] == "images" else relative.parts
    return capture.root.joinpath(MASKS, *parts).with_suffix(".png")


def _background(capture: Capture, camera: int, plates: Path | None) -> Background:
    if plates is None:
        count = min(MEDIAN_FRAMES, capture.num_frames)
        frames = [i * capture.num_frames // count for i in range(count)]
        return background_of([capture.stored_color(frame, camera) for frame in frames])
    name, folder = capture.camera_names[camera], CaptureFolder(plates)
    found = find_name(folder, (f"{name}{suffix}" for suffix in (".png", ".jpg", ".jpeg")))
    if found is None:
        raise InputError(plates, f"has no image of camera {name}", f"add {name}.png, an image without the subject")
    plate = read_color(FileImage(plates, found), Optics(Undistortion(np.eye(3), np.zeros(5))))
    image = capture.stored_color(0, camera)
    if plate.shape != image.shape:
        sizes = " but its images are ".join(f"{pixels.shape[1]}x{pixels.shape[0]}" for pixels in (plate, image))
        raise InputError(plates / found, f"is {sizes}", "scale it to their size")
    return background_of([plate])


def _write(root: Path, path: Path, mask: Pixels) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(path, "leads out of the capture through a link", "remove the link")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        Image.fromarray(mask).save(temporary, "PNG")


def _summary(covered: list[float], method: str) -> str:
    share = float(np.median(covered))
    text = f"wrote {len(covered)} masks; the subject covers {share:.1%} of an image"
    if share < 0.002:
        return f"{text} (warning: that is almost nothing; lower --threshold)"
    if share > 0.6:
        return f"{text} (warning: that is most of it; raise --threshold, or check that the cameras stand still)"
    return text


def _threshold(text: str) -> float:
    value = parse_finite(text)
    if not 0.1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} must be 0.1 to 1000")
    return value


if __name__ == "__main__":
    leave(main())
