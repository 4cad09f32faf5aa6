"""Write a video file that stays playable up to the last finished frame, even after a crash or on a full disk."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.atomic import MAX_NAME_BYTES, atomic_write, check_target, flush_to_disk
from common.errors import InputError
from model.sound.decode import Samples
from viewer.codecs import CODECS, codecs_of
from viewer.export.encoders import DEFAULT_QUALITY, choose_encoder, configure, encoder_options, load_av
from viewer.export.projection import Projection
from viewer.export.scheduling import unchanged_scheduling
from viewer.export.sound_writer import SoundWriter, fitted_sound
from viewer.export.spherical_metadata import add_spherical_metadata

_SCALING = 0x20 | 0x2000 | 0x4000 | 0x40000
"""FFmpeg's flags SWS_AREA, SWS_FULL_CHR_H_INT, SWS_FULL_CHR_H_INP and SWS_ACCURATE_RND (libswscale/swscale.h).

PyAV has names for them since version 18, which Python 3.10 does not get. The defaults round down, which shifts colors by about
1/255."""


class VideoSink:
    """Encodes frames into NAME.partial.mp4 (fragmented, one frame per fragment), which becomes NAME.mp4 on `finish`.

    Args:
        path: .mp4 or .webm; an existing file is replaced only on success.
        width, height: pixels. Colors are stored at half the resolution, so an odd size is padded by repeating the last row or
            column.
        fps: frames per second.
        codec: one of `viewer.codecs.CODECS`; default: the container's first.
        quality: 0 (best) to 51.
        transparent: keep the opacity; WebM with VP9 only.
        live: encode fast rather than small, for recording what is on screen.
        projection: the kind of the images; an MP4 file says for players whether it is a panorama or stereo.

    Raises:
        InputError: this machine cannot encode this, or the file cannot be created.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: float,
        codec: str | None = None,
        quality: float = DEFAULT_QUALITY,
        transparent: bool = False,
        live: bool = False,
        projection: Projection = Projection(),
    ) -> None:
        self.path = path
        """The file that `finish` completes."""
        self.partial = free_partial_path(path)
        """The file while frames are being written."""
        self.frames = 0
        """Length so far: the number of frames that were written or skipped."""
        self.sound: Samples | None = None
        """Sound of the finished file, from its first frame on. It is cut to the length of the frames, or followed by silence. A
        file that is not finished has none."""
        self._av = load_av(str(path))
        self._transparent, self._projection = transparent, projection
        self._rate = rate = exact_rate(fps)
        chosen, self._format = check_video(path, codec, transparent), path.suffix.lower()[1:]
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        width, height = width + width % 2, height + height % 2
        self._aborted, self._failed = "", False
        self._whole_bytes = 0  # length of the file after its last complete frame
        self._encoder = choose_encoder(chosen, width, height, rate, transparent)
        self._container, self._stream = self._open(width, height, rate, encoder_options(self._encoder, quality, live))

    def write(self, pixels: NDArray[np.uint8], depth: NDArray[np.float32] | None = None) -> None:
        """Add a frame: (H, W, 3) pixels, or (H, W, 4) with straight alpha when transparent; `depth` is not stored.

        Raises:
            InputError: the disk is full or the file cannot be written. The message says which frames are saved.
        """
        padded = np.ascontiguousarray(np.pad(pixels, self._padding, "edge"))
        frame = self._av.VideoFrame.from_ndarray(padded, format="rgba" if self._transparent else "rgb24")
        frame = self._convert(frame)
        frame.pts, frame.time_base = self.frames, self._stream.codec_context.time_base
        opens_encoder = self.frames == 0
        with self._guarded(), unchanged_scheduling() if opens_encoder else contextlib.nullcontext():
            self._container.mux(self._stream.encode(frame))
        self.frames += 1
        self._whole_bytes = self.partial.stat().st_size

    def skip(self, frames: int) -> None:
        """Let the last frame last for more frames, without encoding it again. Write another one before `finish`."""
        self.frames += frames

    def finish(self) -> None:
        """Complete the file under its final name. Raise InputError if that fails; the finished frames stay readable."""
        with self._guarded():
            self._container.mux(self._stream.encode(None))
            self._container.close()
        has_more = self._projection.name != "perspective" or self.sound is not None
        if has_more:
            with self._guarded():
                self._repack()
            return
        if self.path.suffix.lower() == ".mp4":
            with contextlib.suppress(InputError):  # no room for a second copy; the fragmented file is playable, too
                self._repack()
                return
        with self._guarded():
            flush_to_disk(self.partial)
            os.replace(self.partial, os.path.realpath(self.path))

    def abort(self) -> str:
        """Stop early and return one sentence about what was saved. A file without frames is removed."""
        self._aborted = self._aborted or self._abort()
        return self._aborted

    def _abort(self) -> str:
        if not self._failed:
            with contextlib.suppress(self._av.error.FFmpegError, OSError):
                self._container.mux(self._stream.encode(None))
        with contextlib.suppress(self._av.error.FFmpegError, OSError):
            self._container.close()
        if self._failed:  # the last frame is incomplete, which some players do not accept
            with contextlib.suppress(OSError):
                os.truncate(self.partial, self._whole_bytes)
        safe = count_frames(self.partial)
        if safe == 0:
            self.partial.unlink(missing_ok=True)
            return "no frame was finished"
        return f"{safe} finished frames are kept in {self.partial}"

    def _open(self, width: int, height: int, fps: Fraction, encoding: dict[str, str]) -> tuple[Any, Any]:
        options = {"flush_packets": "1"}
        if self.path.suffix.lower() == ".mp4":
            options["movflags"] = "frag_every_frame+empty_moov+default_base_moof"
        else:
            options["cluster_time_limit"] = "1"  # one cluster per frame, so that none waits in memory
        try:
            container = self._av.open(_address(self.partial), "w", format=self._format, options=options)
        except (self._av.error.FFmpegError, OSError) as error:
            raise InputError(self.path, f"cannot be written ({error.strerror or error})") from error
        stream = container.add_stream(self._encoder.name, rate=fps, options=encoding)
        configure(stream.codec_context, self._encoder, width, height, fps)
        if self._transparent:
            stream.metadata["alpha_mode"] = "1"
        return container, stream

    def _convert(self, frame: Any) -> Any:
        reformatter = self._av.video.reformatter
        converted = frame.reformat(
            format=self._encoder.pixel_format,
            dst_colorspace=reformatter.Colorspace.ITU709,
            dst_color_range=reformatter.ColorRange.MPEG,
            interpolation=_SCALING,
        )
        converted.colorspace, converted.color_range = reformatter.Colorspace.ITU709, reformatter.ColorRange.MPEG
        return converted

    def _repack(self) -> None:
        # Copy the packets into a plain file, because some players need its index to seek, and add the sound.
        with atomic_write(self.path) as temporary:
            self._copy_packets(temporary)
            if self._projection.name != "perspective" and self.path.suffix.lower() == ".mp4":
                add_spherical_metadata(temporary, self._projection)
        self.partial.unlink(missing_ok=True)

    def _copy_packets(self, file: Path) -> None:
        options = {"movflags": "faststart"} if self._format == "mp4" else {}
        with (
            self._av.open(_address(self.partial)) as source,
            self._av.open(_address(file), "w", format=self._format, options=options) as target,
        ):
            stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
            if self._transparent:
                stream.metadata["alpha_mode"] = "1"
            seconds = float(self.frames / self._rate)
            sound = None if self.sound is None else SoundWriter(self._av, target, fitted_sound(self.sound, seconds))
            for packet in source.demux(video=0):
                if packet.size:
                    if sound is not None:
                        sound.write_until(float(packet.pts * packet.time_base) + 1.0)
                    packet.stream = stream
                    target.mux(packet)
            if sound is not None:
                sound.finish()

    @contextlib.contextmanager
    def _guarded(self) -> Any:
        try:
            yield
        except (self._av.error.FFmpegError, OSError) as error:
            reason = error.strerror or str(error)
            self._failed = True
            raise InputError(self.path, f"cannot be written ({reason})", self.abort()) from error


def exact_rate(fps: float) -> Fraction:
    """Convert a frame rate to a fraction with small terms (29.97 becomes 2997/100).

    Raises:
        InputError: the rate is not within 0.1 to 1000.
    """
    if not 0.1 <= fps <= 1000:  # also refuses NaN
        raise InputError(f"frame rate {fps:g}", "must be 0.1 to 1000 frames per second")
    return Fraction(fps).limit_denominator(1001)


def check_video(path: Path, codec: str | None, transparent: bool) -> str:
    """Check the options of a video file and return the name of the codec.

    Raises:
        InputError: the suffix is unknown, the container does not support the codec, the folder is missing, or the codec
            has no transparency.
    """
    suffix = path.suffix.lower()
    known = codecs_of(suffix)
    if not known:
        raise InputError(
            path, "is not a supported video format", "end its name with .mp4 or .webm, or give a folder for images"
        )
    check_target(path)
    chosen = codec or known[0]
    if chosen not in known:
        raise InputError(f"codec {chosen}", f"cannot be stored in {suffix}", f"choose one of {', '.join(known)}")
    if transparent and not CODECS[chosen].transparent_encoders:
        raise InputError(path, "this format has no transparency", "record .webm with VP9, or PNG or EXR images")
    return chosen


def count_frames(path: Path) -> int:
    """Count the frames of a video file that can be read."""
    av = load_av(str(path))
    count = 0
    with contextlib.suppress(av.error.FFmpegError, OSError), av.open(_address(path)) as container:
        count = sum(1 for packet in container.demux(video=0) if packet.size)
    return count


def free_partial_path(path: Path) -> Path:
    """Return NAME.partial.mp4 next to NAME.mp4, with a number if an earlier recording left such a file. Links are followed."""
    if os.path.islink(path):
        path = Path(os.path.realpath(path))
    candidate, number = _with_suffix(path, ".partial"), 2
    while os.path.lexists(candidate):  # a link that leads nowhere is not free
        candidate = _with_suffix(path, f".partial-{number}")
        number += 1
    return candidate


def _with_suffix(path: Path, added: str) -> Path:
    """Return a path with a text between stem and suffix. A name that would be too long loses the end of its stem."""
    stem = path.stem
    while stem and len(os.fsencode(f"{stem}{added}{path.suffix}")) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return path.with_name(f"{stem}{added}{path.suffix}")


def _address(path: Path) -> str:
    """Return the name by which the video library opens a file. Without `file:`, it would take the part before a colon
    for a protocol."""
    return f"file:{path}"
