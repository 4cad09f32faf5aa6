"""What a run stores of its capture besides pixels: boxes, hulls, cameras, license. An export needs nothing else of it."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from common.atomic import atomic_write
from common.errors import InputError
from common.tensor_file import save_tensors
from model.occupancy import pack_occupancy, unpack_occupancy
from model.run.files import SCENE as FILE_NAME
from model.run.scene import read_scene
from model.video import VideoMetadata
from training.captures.boxes import frame_boxes
from training.captures.capture import Capture
from training.captures.doubts import doubted_pixels
from training.captures.hull import carve_hull, hull_box
from training.captures.identity import CaptureIdentity
from training.config import DataConfig, load_config
from training.fields.samples import SamplingRegion


@dataclass
class Scene:
    """The frames of a training run, without their pixels."""

    boxes: NDArray[np.float32]
    """(T, 2, 3) meters."""
    hulls: torch.Tensor | None
    """(T, bytes) uint8: packed cells of each frame's box; None without hulls."""
    hull_resolution: int
    """Cells of a hull along each axis; 0 without hulls."""
    metadata: VideoMetadata
    """Metadata of the capture for the bundle."""
    loop: bool
    """Whether the last frame leads to the first."""
    capture: CaptureIdentity | None = None
    """The capture that the scene was built from; None in runs of older versions."""
    doubted_frames: tuple[int, ...] = ()
    """Frames in which the masks of other cameras contradict a mask, see `training.captures.doubts`."""

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.boxes)

    def hull(self, frame: int) -> torch.Tensor | None:
        """Return the hull of a frame, (N, N, N) bool, or None."""
        if self.hulls is None:
            return None
        n = self.hull_resolution
        return torch.from_numpy(unpack_occupancy(self.hulls[frame], (n, n, n)))

    def region(self, frame: int) -> SamplingRegion:
        """Return the region where samples of a frame may lie."""
        return SamplingRegion(torch.from_numpy(self.boxes[frame]), self.bounds(frame), self.hull(frame))

    def bounds(self, frame: int) -> torch.Tensor:
        """Return the tightest box around the hull, or the frame's box, (2, 3) meters."""
        hull = self.hull(frame)
        box = self.boxes[frame]
        return torch.from_numpy(box if hull is None else hull_box(hull.numpy(), box))


def selected_frames(capture: Capture, config: DataConfig) -> range:
    """Return the frames of the capture that a config selects; raise InputError when it does not have them."""
    last = capture.num_frames if config.num_frames is None else config.first_frame + config.num_frames
    if config.first_frame >= capture.num_frames or last > capture.num_frames:
        asked = f"frames {config.first_frame} to {last - 1}"
        raise InputError(capture.root, f"has frames 0 to {capture.num_frames - 1}, but the config selects {asked}")
    return range(config.first_frame, last, config.frame_stride)


def metadata_of(capture: Capture, frame_stride: int = 1) -> VideoMetadata:
    """Return what a bundle of every `frame_stride`-th frame of a capture contains besides its frames."""
    return VideoMetadata(
        fps=capture.fps / frame_stride,
        up=capture.up,
        cameras=list(capture.cameras),
        provenance={"name": capture.name, "source": capture.meta.source},
        license=capture.license,
    )


def build_scene(capture: Capture, config: DataConfig, executor: Executor) -> Scene:
    """Find the boxes and carve the hulls of all frames in parallel; raises as `Capture.vertices` and `.mask` do."""
    frames = selected_frames(capture, config)
    boxes = frame_boxes(capture, frames, config.box_padding, config.boxes == "union")
    indices = range(len(frames))
    carved = list(executor.map(lambda i: _carved(capture, frames[i], boxes[i].astype(np.float64), config), indices))
    hulls = torch.stack([hull for hull, _ in carved if hull is not None]) if config.hull_resolution else None
    doubted = tuple(index for index, (_, is_doubted) in enumerate(carved) if is_doubted)
    loop = capture.meta.loop and len(frames) == capture.num_frames
    identity = CaptureIdentity.of_capture(capture, frames)
    metadata = metadata_of(capture, config.frame_stride)
    return Scene(boxes, hulls, config.hull_resolution, metadata, loop, identity, doubted)


def trusted_cameras(capture: Capture) -> list[int]:
    """Return the training cameras that meta.yaml does not cast doubt on, or all of them if those are less than half.

    A camera that was moved, or is late, carves away parts of the subject.
    """
    metas = capture.camera_metas
    doubted = [i for i, m in enumerate(metas) if m.refine.poses or m.refine.times or m.frame_fraction]
    trusted = [i for i in capture.train_cameras if i not in doubted]
    return trusted if 2 * len(trusted) >= len(capture.train_cameras) else capture.train_cameras


def _carved(capture: Capture, frame: int, box: NDArray[np.float64], config: DataConfig) -> tuple[torch.Tensor | None, bool]:
    """Return the packed hull of a frame, if hulls are wanted, and whether some of its masks are doubted."""
    checked = config.doubt_masks and capture.has_masks
    if not config.hull_resolution and not checked:
        return None, False
    used = trusted_cameras(capture)
    cameras = [capture.cameras[i] for i in used]
    masks = [capture.mask(frame, i) for i in used]
    doubted = doubted_pixels(cameras, masks, box) if checked else None
    if doubted is not None:
        masks = [np.where(pixels, 255, mask).astype(np.uint8) for mask, pixels in zip(masks, doubted, strict=True)]
    if not config.hull_resolution:
        return None, doubted is not None
    hull = carve_hull(cameras, masks, box, config.hull_resolution, config.hull_margin)
    if not hull.any():
        raise InputError(capture.root, f"the masks of frame {frame} leave no hull in its box", "check cameras and masks")
    return torch.from_numpy(pack_occupancy(hull)), doubted is not None


def save_scene(scene: Scene, folder: Path) -> None:
    """Write a scene into a run's folder atomically; raise InputError when that fails."""
    text = vars(scene.metadata) | {
        "cameras": [camera.to_dict() for camera in scene.metadata.cameras],
        "loop": scene.loop,
        "hull_resolution": scene.hull_resolution,
        "doubted_frames": scene.doubted_frames,
        "capture": scene.capture.to_dict() if scene.capture is not None else None,
    }
    tensors = {"boxes": torch.from_numpy(scene.boxes)} | ({"hulls": scene.hulls} if scene.hulls is not None else {})
    with atomic_write(folder / FILE_NAME) as temporary:
        save_tensors(tensors, temporary, {"scene": json.dumps(text)}, folder / FILE_NAME)


def load_scene(folder: Path) -> Scene:
    """Read the scene of a run; raise InputError when it is missing or damaged."""
    stored = read_scene(folder)
    try:
        identity, loop = stored.texts.get("capture"), bool(stored.texts["loop"])
        capture = CaptureIdentity.from_dict(identity) if identity is not None else None
        doubted = tuple(int(frame) for frame in stored.texts.get("doubted_frames", ()))  # runs of older versions have none
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(folder / FILE_NAME, "is damaged") from error
    hulls = None if stored.hulls is None else torch.from_numpy(stored.hulls)
    return Scene(stored.boxes, hulls, stored.hull_resolution, stored.metadata, loop, capture, doubted)


def scene_of_run(run: Path, capture: Capture, config: DataConfig) -> Scene:
    """Return the scene of another run of the same capture with the same settings, so that nothing is carved again.

    Raises:
        InputError: the run has no scene, or belongs to another capture or to other settings of the data.
    """
    scene = load_scene(run)
    check_capture(scene, capture, config)
    theirs = load_config(str(run / "config.yaml")).data
    if dataclasses.replace(theirs, image_scale=config.image_scale, image_memory=config.image_memory) != config:
        raise InputError(run, "has boxes and hulls of other data settings", "name another run with --scene, or none")
    return scene


def check_capture(scene: Scene, capture: Capture, config: DataConfig) -> None:
    """Raise InputError unless the scene was built from this capture.

    Scenes without a stored identity are compared by their cameras and number of frames.
    """
    if scene.capture is not None:
        identity = CaptureIdentity.of_capture(capture, selected_frames(capture, config))
        same, source = scene.capture.matches(identity), str(scene.capture)
        if same and not scene.capture.same_shape(identity):
            fault = "has other masks or vertices than when this run began, whose hulls and boxes were made from them"
            raise InputError(capture.root, fault, "restore them, or choose another folder for --out")
    else:
        cameras = scene.metadata.cameras
        same = [camera.to_dict() for camera in cameras] == [camera.to_dict() for camera in capture.cameras]
        same = same and len(selected_frames(capture, config)) == scene.num_frames
        source = f"{scene.num_frames} frames, {len(cameras)} cameras"
    if not same:
        fault = f"is not the capture that this run was trained on ({source}), or its cameras, views or first image have changed"
        raise InputError(capture.root, fault, "resume with that one, or choose another folder for --out")


def prepare_scene(capture: Capture, config: DataConfig, folder: Path, pool: Executor, resume: bool) -> Scene:
    """Return the scene of a run: read from its folder when resuming, otherwise built and written there.

    Raises:
        InputError: the run was trained on another capture, or as `load_scene`, `build_scene` and `save_scene` do.
    """
    if resume:
        scene = load_scene(folder)
        check_capture(scene, capture, config)
        return scene
    scene = build_scene(capture, config, pool)
    save_scene(scene, folder)
    return scene
