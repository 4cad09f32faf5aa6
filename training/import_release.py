"""Convert a checkpoint released by the paper's authors into a bundle.

python -m training.import_release CHECKPOINT --annots annots.npy --vertices DIR --out OUT.mlpvid
    [--view-encoding frequency|sh] [--blend bilinear|nearest] [--box-padding M] [--fps N]
"""

from __future__ import annotations

import argparse
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray

from common.atomic import check_target
from common.command_line import ArgumentParser, parse_finite, run
from common.errors import InputError
from common.interrupts import leave
from common.native import note_native_fault
from common.numbers import counted
from common.progress import progress
from model.bundle.info import write_bundle
from model.camera import MAX_IMAGE_SIDE, Camera
from model.config import ModelConfig
from model.network import video_of
from model.occupancy import pack_occupancy
from model.occupancy_extraction import Density, extract_occupancy
from model.query import query_density, query_features
from model.video import VideoMetadata, VolumetricVideo
from training.captures.annotations import read_annotations
from training.captures.calibration import calibrate
from training.captures.images import image_size
from training.captures.layouts.annots import CONVENTIONS, Annotations
from training.captures.meta import CameraMeta
from training.captures.vertices import read_vertices
from training.fields.native_kernels import TrainingKernels, available
from training.released.checkpoint import ReleaseCheckpoint

BOX_PADDING = 0.1
"""Meters added around the vertices in the released ZJU-MoCap configs."""

_VIEW_ENCODINGS = {"frequency": "frequency", "sh": "spherical_harmonics"}


def import_release(
    checkpoint: ReleaseCheckpoint, annotations: Path, vertices: Path, padding: float, fps: float
) -> VolumetricVideo:
    """Build the video of a released checkpoint.

    Args:
        checkpoint: the opened checkpoint.
        annotations: annots.npy of its capture, with the cameras and the names of the frames.
        vertices: folder with <frame>.npy, (N, 3) meters each.
        padding: meters added around the vertices of each frame.
        fps: frames per second.

    Raises:
        InputError: annotations or vertices are missing, damaged or too few.
    """
    content = Annotations(annotations, read_annotations(annotations))
    stems = [PurePosixPath(names[0]).stem for names in content.image_files()]
    if len(stems) < checkpoint.num_frames:
        raise InputError(annotations, f"has {len(stems)} frames, but the checkpoint has {checkpoint.num_frames}")
    boxes = np.stack([read_box(vertices, stem, padding) for stem in stems[: checkpoint.num_frames]])
    metadata = VideoMetadata(
        fps=fps,
        cameras=released_cameras(content),
        provenance={"source": f"released checkpoint {checkpoint.path.name}"},
    )
    empty = pack_occupancy(np.zeros((checkpoint.num_frames, *checkpoint.config.occupancy.resolution), np.bool_))
    video = video_of(
        checkpoint.config, metadata, checkpoint.latents(), boxes, empty, checkpoint.decoder(), checkpoint.hash_encoding()
    )
    video.occupancy = pack_occupancy(checkpoint.occupancy() if checkpoint.has_occupancy else find_occupancy(video))
    return video


def find_occupancy(video: VolumetricVideo) -> torch.Tensor:
    """Extract the occupancy of all frames from the model's density (paper, supplementary section 1), (T, X, Y, Z) bool."""
    kernels = TrainingKernels(video.config) if available() else None
    note_native_fault("mlpvid_training_kernels", "PyTorch extracts the occupancy, which takes longer")
    frames = progress(range(video.num_frames), video.num_frames, "extracting occupancy")
    return torch.stack([extract_occupancy(_density(video, frame, kernels), video.config.occupancy) for frame in frames])


def _density(video: VolumetricVideo, frame: int, kernels: TrainingKernels | None) -> Density:
    decoded = video.decode(float(frame))
    if kernels is None:
        return lambda points: query_density(decoded, points, query_features(decoded, points))
    grids = kernels.bake(video.hash_encoding.tables, frame / video.num_frames)
    return lambda points: kernels.density(grids, decoded.feature_planes, decoded.density_maps, points)


def read_box(folder: Path, stem: str, padding: float) -> NDArray[np.float32]:
    """Return the minimum and maximum of a frame's vertices, padded: (2, 3) meters; raises as `read_vertices` does."""
    points = read_vertices(folder, stem, "--vertices must be the folder with the vertices of each frame")
    box = np.stack([points.min(axis=0) - padding, points.max(axis=0) + padding]).astype(np.float32)
    if not np.isfinite(box).all() or not (box[0] < box[1]).all():
        raise InputError(folder, f"the vertices of frame {stem} have no extent along an axis", "choose a larger --box-padding")
    return box


def released_cameras(annotations: Annotations) -> list[Camera]:
    """Return the capture's cameras in our convention: meters, and pixel centers at +0.5 instead of at whole numbers.

    Image sizes come from the images next to annots.npy; if these are missing, from the principal point.
    """
    images, cameras = annotations.image_files()[0], []
    for index, (raw, image) in enumerate(zip(annotations.cameras(images), images, strict=True)):
        file = annotations.path.parent / image
        try:
            size = image_size(file) if file.is_file() else _size_around(raw.K)
            cameras.append(calibrate(raw, size, CONVENTIONS, CameraMeta(), None)[0])
        except InputError as error:
            raise InputError(annotations.path, f"camera {index}: {error}") from error
    return cameras


def _size_around(K: NDArray[np.float64]) -> tuple[int, int]:
    width, height = (min(max(2, 2 * round(float(center) + 0.5)), MAX_IMAGE_SIDE) for center in K[:2, 2])
    return width, height


def _check_view_encoding(config: ModelConfig, asked: str | None) -> None:
    if asked is not None and _VIEW_ENCODINGS[asked] != config.view_encoding:
        raise InputError("--view-encoding", f"is {asked}, but the checkpoint's color heads are made for {config.view_encoding}")


def _check_number(option: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise InputError(option, f"must be {low:g} to {high:g}, not {value:g}")


def _command(arguments: argparse.Namespace) -> None:
    check_target(arguments.out)
    _check_number("--box-padding", arguments.box_padding, 0.0, 10.0)
    _check_number("--fps", arguments.fps, 0.01, 1000.0)
    checkpoint = ReleaseCheckpoint(arguments.checkpoint, arguments.blend)
    _check_view_encoding(checkpoint.config, arguments.view_encoding)
    video = import_release(checkpoint, arguments.annots, arguments.vertices, arguments.box_padding, arguments.fps)
    write_bundle(video, arguments.out)
    config = video.config
    print(f"{arguments.out}: {counted(video.num_frames, 'frame')}, {config.view_encoding}, {config.assignment} heads")


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m training.import_release` and return its exit status."""
    parser = ArgumentParser(
        prog="python -m training.import_release",
        description="Convert a checkpoint released by the paper's authors into a bundle.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="final.pth, latest.pth or <epoch>.pth")
    parser.add_argument("--annots", type=Path, required=True, help="annots.npy of the capture it was trained on")
    parser.add_argument("--vertices", type=Path, required=True, metavar="DIR", help="folder with the vertices of each frame")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.mlpvid", help="the bundle to write")
    parser.add_argument(
        "--view-encoding", choices=list(_VIEW_ENCODINGS), help="expected view encoding; an error if the checkpoint has another"
    )
    parser.add_argument(
        "--blend", choices=("bilinear", "nearest"), default="bilinear", help="how heads color a point (default: %(default)s)"
    )
    parser.add_argument(
        "--box-padding",
        type=parse_finite,
        default=BOX_PADDING,
        metavar="M",
        help="meters around the vertices (default: %(default)s)",
    )
    parser.add_argument("--fps", type=parse_finite, default=30.0, help="frames per second (default: %(default)s)")
    return run(_command, parser.parse_args(arguments))


if __name__ == "__main__":
    leave(main())
