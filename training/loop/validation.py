"""Render the held-out view while training, keep its best PSNR, and decide when training stops early."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError
from common.native import has_native, note_native_fault
from common.scores import psnr
from model.occupancy import pack_occupancy, packed_size
from model.video import VolumetricVideo
from renderer.select import create_renderer
from training.captures.boxes import box_mask
from training.captures.capture import Capture
from training.captures.images import resize
from training.config import TrainingConfig, ValidationConfig
from training.fields.create import create_field
from training.loop.captured_views import has_image
from training.loop.network import Network
from training.loop.occupancy_grid import extract_frame
from training.loop.scene import Scene

Image = NDArray[np.float32]
"""(H, W, 3) in [0, 1]."""


@dataclass(frozen=True)
class ValidationState:
    """The scores of the held-out view so far. It is part of the checkpoint, so that a resumed run stops at the same step."""

    best: float | None = None
    """Best PSNR, dB; None before the first rendering."""
    best_step: int = 0
    """Step at which it was reached."""
    without_gain: int = 0
    """Renderings since then."""

    def after(self, score: float, step: int) -> ValidationState:
        """Return the state after a rendering with this PSNR, dB."""
        if self.best is None or score > self.best:
            return ValidationState(score, step, 0)
        return ValidationState(self.best, self.best_step, self.without_gain + 1)

    def stops(self, config: ValidationConfig) -> bool:
        """Return whether training stops early."""
        return 0 < config.patience <= self.without_gain

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: object) -> ValidationState:
        """Read what `to_dict` returned; None, as in older checkpoints, is the initial state.

        Raises:
            TypeError, ValueError, KeyError: the values are damaged.
        """
        if values is None:
            return ValidationState()
        if not isinstance(values, dict):
            raise TypeError("not an object")
        best = None if values["best"] is None else float(values["best"])
        counts = int(values["best_step"]), int(values["without_gain"])
        if min(counts) < 0 or math.isnan(best or 0.0):
            raise ValueError("a number out of range")
        return ValidationState(best, *counts)


class Validation:
    """Renders the held-out view of a run in training, as the exported bundle would show it.

    Args:
        capture: has the image to compare with.
        config: the run's settings.
        scene: boxes and hulls.
        frames: frames of the capture; frame 0 of the run is `frames[0]` there.
        camera: the camera's number.
        threads: CPU threads of the renderer; None means one per core.

    Raises:
        InputError: the run has no such frame, or the image cannot be read.
    """

    def __init__(
        self, capture: Capture, config: TrainingConfig, scene: Scene, frames: range, camera: int, threads: int | None
    ) -> None:
        self.frame = frame_of(config.validation, frames)
        full, scale = capture.cameras[camera], config.data.image_scale
        self.camera = full.resized(max(1, round(full.width * scale)), max(1, round(full.height * scale)))
        color = capture.view(frames[self.frame], camera).color
        self.truth: Image = np.float32(1 / 255) * resize(color, self.camera.width, self.camera.height).astype(np.float32)
        self._inside = box_mask(self.camera, scene.boxes[self.frame].astype(np.float64))
        if not self._inside.any():
            raise InputError(f"held-out camera {camera}", "does not see the box", "choose another with validation.camera")
        self._config, self._scene, self._field = config, scene, create_field(config)
        usual = config.model.method is None  # only the reference backend renders the others
        if usual:
            note_native_fault("mlpvid_kernels", "the slow reference backend renders the held-out view")
        self._renderer = create_renderer("cpu" if usual and has_native("mlpvid_kernels") else "reference", threads)

    def render(self, network: Network, latent: torch.Tensor, cells: torch.Tensor | None) -> Image:
        """Render the view.

        Args:
            network: the parameters now; they are copied.
            latent: z of the frame, (D,).
            cells: the cells that training samples in the frame, (N, N, N) bool; None means everywhere.
        """
        video = self._video(network, latent.detach().cpu(), None if cells is None else cells.cpu())
        frame = self._renderer.prepare(video, float(self.frame))
        return np.ascontiguousarray(self._renderer.render(frame, self.camera).rgba[..., :3])

    def score(self, rendered: Image) -> float:
        """Return the PSNR of a rendering over the pixels whose rays intersect the frame's box, dB."""
        squared = (rendered.astype(np.float64) - self.truth) ** 2
        return psnr(float(squared[self._inside].mean()))

    def _video(self, trained: Network, latent: torch.Tensor, cells: torch.Tensor | None) -> VolumetricVideo:
        # A copy: renderers keep what they prepared from a decoder, and training changes it in place.
        network = copy.deepcopy(trained).to("cpu").requires_grad_(False)
        volume = extract_frame(self._config, cells, network, latent, self._field, self.frame)
        occupancy = np.zeros((self._scene.num_frames, packed_size(volume.shape)), np.uint8)  # type: ignore[arg-type]
        occupancy[self.frame] = pack_occupancy(volume)
        latents = torch.zeros(self._scene.num_frames, len(latent))
        latents[self.frame] = latent
        return network.video(self._config.model, self._scene.metadata, latents, self._scene.boxes, occupancy)


def frame_of(config: ValidationConfig, frames: range) -> int:
    """Return the frame of the run that is rendered; raise InputError if the run does not have it."""
    frame = len(frames) // 2 if config.frame is None else config.frame
    if frame >= len(frames):
        raise InputError("validation.frame", f"is {frame}, but the run has {len(frames)} frames")
    return frame


def held_out_camera(capture: Capture, config: ValidationConfig, frame: int) -> int | None:
    """Return the number of the camera to validate with; None if `every` is 0 or the capture has no image of such a camera.

    Args:
        capture: the capture.
        config: may name the camera.
        frame: frame of the capture that is rendered.

    Raises:
        InputError: the config names a camera that does not exist or is trained on, or wants to stop early without one.
    """
    asked = config.camera
    if asked is not None and (asked >= len(capture.cameras) or asked in capture.train_cameras):
        fault = f"is {asked}, which is trained on" if asked < len(capture.cameras) else f"is {asked}, which does not exist"
        raise InputError("validation.camera", fault, "name it in test_cameras in the capture's meta.yaml")
    usable = (i for i in capture.test_cameras if i not in capture.train_cameras and has_image(capture, frame, i))
    camera = asked if asked is not None else next(usable, None)
    if camera is None or not config.every:
        if config.patience or config.export == "best":
            fault = "needs a held-out view, but the run has none"
            remedy = "name a camera in test_cameras in the capture's meta.yaml, and set validation.every above 0"
            raise InputError("validation", fault, remedy)
        return None
    return camera
