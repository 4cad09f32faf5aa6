"""Find the images of each camera: in a folder of images, or in a video file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError
from training.captures.files import VIDEO_SUFFIXES, CaptureFolder, find_name
from training.captures.frame_sets import CameraFiles, Key, images_in, masks_like
from training.captures.frame_store import FrameStore
from training.captures.meta import CaptureMeta, camera_metas
from training.captures.sources import ImageSource, checked_path, open_image
from training.captures.video import Video, open_video


@dataclass(frozen=True, slots=True)
class VideoImage:
    """One frame of a camera's video. It is decoded when it is needed for the first time."""

    store: FrameStore
    """Keeps decoded frames."""
    video: Video
    """The video."""
    index: int
    """Frame of the video."""

    @property
    def path(self) -> Path:
        """The video file."""
        return self.video.path

    def exists(self) -> bool:
        """Return whether the video still exists."""
        return self.video.path.is_file()

    def open(self) -> Any:
        """Open the frame with Pillow; raise InputError when the video is missing or damaged."""
        self.store.decode(self.video, [self.index])
        return open_image(self.store.path(self.video, self.index), self.video.path)

    def fingerprint(self) -> bytes:
        """Return bytes that change when the video does; raise InputError when it cannot be read."""
        try:
            return f"{self.path.name} {self.path.stat().st_size} {self.index}".encode("utf-8", "surrogateescape")
        except OSError as error:
            raise InputError(self.path, f"cannot be read ({error.strerror})") from error


def camera_files(
    folder: CaptureFolder,
    meta: CaptureMeta,
    names: Sequence[str],
    masks: str | None,
    image_parents: Iterable[str] = ("images", ""),
    video_parents: Iterable[str] = ("videos", ""),
) -> tuple[list[CameraFiles], float | None]:
    """Return the images and masks of each camera, and the frame rate if cameras are videos.

    The frames of videos are numbered at the rate of meta.yaml, or else of the first video. Frame f of a camera is the frame of
    its video that is nearest to the time f / fps, plus the camera's `time_offset`.

    Args:
        folder: the capture.
        meta: the content of meta.yaml.
        names: of the cameras. A camera's images are in a folder of its name, or its video is a file of its name.
        masks: the folder of masks, or None.
        image_parents: folders that are searched for folders of images; "" is the capture itself.
        video_parents: folders that are searched for videos, if there is no folder of images.

    Raises:
        InputError: a camera has neither images nor a video, or its video cannot be read.
    """
    image_folders = {name: _place(folder, name, image_parents) for name in names}
    videos = {
        name: _video(folder, name, image_parents, video_parents) for name, place in image_folders.items() if place is None
    }
    fps = _rate(videos, meta)
    offsets = [camera.time_offset for camera in camera_metas(meta, list(names), folder.root / "meta.yaml")]
    store, files = FrameStore(), []
    for name, offset in zip(names, offsets, strict=True):
        place = image_folders[name]
        if place is None:
            images = _frames(store, videos[name], fps or 1.0, offset)
            files.append(CameraFiles(name, images, masks_like(folder, masks, name)))
        else:
            files.append(CameraFiles(name, dict(images_in(folder, place)), masks_like(folder, masks, place)))
    return files, fps


def decode_videos(images: Iterable[ImageSource]) -> None:
    """Decode the frames of videos among some images that have not been decoded yet, one video after the other.

    Raises:
        InputError: a video is damaged, or the frames need more space than the store has.
    """
    wanted: dict[Path, list[VideoImage]] = {}
    for image in images:
        if isinstance(image, VideoImage):
            wanted.setdefault(image.path, []).append(image)
    for frames in wanted.values():
        frames[0].store.decode(frames[0].video, [frame.index for frame in frames])


def _place(folder: CaptureFolder, name: str, parents: Iterable[str]) -> str | None:
    places = (f"{parent}/{name}" if parent else name for parent in parents)
    return next((place for place in places if folder.has_folder(place) and folder.images(place)), None)


def _video(folder: CaptureFolder, name: str, image_parents: Iterable[str], video_parents: Iterable[str]) -> Video:
    stems = [f"{parent}/{name}" if parent else name for parent in video_parents]
    found = find_name(folder, (f"{stem}{suffix}" for stem in stems for suffix in VIDEO_SUFFIXES))
    if found is None:
        places = [f"{parent}/{name}" if parent else name for parent in image_parents]
        looked_for = ", ".join([*places, *(f"{stem}.mp4" for stem in stems)])
        raise InputError(folder.root, f"has no images of camera {name} (looked for {looked_for})")
    return open_video(checked_path(folder.root, found))


def _rate(videos: dict[str, Video], meta: CaptureMeta) -> float | None:
    if not videos:
        return meta.fps
    rates = [video.fps for video in videos.values() if video.fps > 0]
    return meta.fps or (round(rates[0], 3) if rates else None)


def _frames(store: FrameStore, video: Video, fps: float, offset: float) -> dict[Key, str | ImageSource]:
    """Return the frames of a video at the times of the capture's frames."""
    last = int(np.floor((float(video.times[-1]) - offset) * fps + 0.501))  # at most half a frame after the video's last
    indices = video.frames_at(np.arange(max(last + 1, 0)) / fps + offset)
    return {frame: VideoImage(store, video, int(index)) for frame, index in enumerate(indices) if index >= 0}
