"""Videos as cameras: times, frames, rotation, sound, damage; and the store of decoded frames."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from common.errors import InputError
from training.captures.frame_store import FrameStore
from training.captures.video import MAX_FRAMES, Video, open_video, read_frames
from viewer.export.scheduling import unchanged_scheduling

SIZE = (48, 32)
"""Width and height of the test videos."""

OPTIONS = {"libx264": {"crf": "0"}, "libx265": {"tune": "zerolatency", "x265-params": "log-level=none"}}
"""Options of the encoders. The lookahead of x265 crashes on images as small as these."""


def write_video(
    path: Path, codec: str = "libx264", ticks: list[int] | None = None, rotation: int = 0, sound: bool = False
) -> Path:
    """Write a video whose frame i has the gray level 20 i + 20 and a white bar at the top; ticks are milliseconds."""
    ticks = ticks if ticks is not None else [40 * i for i in range(10)]
    with unchanged_scheduling(), av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = OPTIONS.get(codec, {})
        if rotation:
            stream.set_display_rotation(rotation)
        audio: Any = container.add_stream("pcm_s16le", rate=48000, layout="mono") if sound else None
        for index, tick in enumerate(ticks):
            pixels = np.full((SIZE[1], SIZE[0], 3), 20 * index + 20, dtype=np.uint8)
            pixels[:8] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 960), dtype=np.int16), format="s16", layout="mono")
            silence.sample_rate, silence.pts = 48000, 0
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
    return path


def gray(pixels: np.ndarray) -> float:
    return float(np.median(pixels[-4:, -4:]))


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mov", "libx265"), ("a.webm", "libvpx-vp9"), ("a.mkv", "libsvtav1"), ("a.avi", "mjpeg")],
)
def test_usual_codecs_and_containers(tmp_path: Path, name: str, codec: str) -> None:
    video = open_video(write_video(tmp_path / name, codec, sound=name == "a.mov"))
    assert video.size == SIZE and len(video.times) == 10
    assert video.times == pytest.approx(0.04 * np.arange(10), abs=1e-3) and video.fps == pytest.approx(25, rel=1e-2)
    found = dict(read_frames(video, [7, 2]))
    assert sorted(found) == [2, 7] and found[2].shape == (32, 48, 3)
    assert gray(found[2]) == pytest.approx(60, abs=4) and gray(found[7]) == pytest.approx(160, abs=4)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_turned_video_is_read_upright(tmp_path: Path, rotation: int) -> None:
    video = open_video(write_video(tmp_path / "turned.mp4", rotation=rotation))
    ((_, pixels),) = read_frames(video, [3])
    plain = np.full((32, 48), 80)
    plain[:8] = 255
    expected = np.rot90(plain, rotation // 90)  # counterclockwise
    assert video.size == (expected.shape[1], expected.shape[0])
    assert np.abs(pixels[..., 1].astype(int) - expected).max() < 8


def test_frames_are_chosen_by_time_at_a_variable_rate(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "phone.mp4", ticks=[500, 540, 600, 700, 710, 900]))
    assert video.times == pytest.approx([0, 0.04, 0.1, 0.2, 0.21, 0.4])
    assert list(video.frames_at(np.array([0, 0.069, 0.071, 0.2051, 0.39, 0.55, 0.62, -0.03, -0.05]))) == [
        0,
        1,
        2,
        4,
        5,
        5,
        -1,
        0,
        -1,
    ]
    assert [index for index, _ in read_frames(video, [4, 5])] == [4, 5]


def test_one_frame_has_no_rate(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "still.mp4", ticks=[0]))
    assert video.fps == 0 and list(video.frames_at(np.array([0.0, 0.4, 0.6]))) == [0, 0, -1]


@pytest.mark.parametrize("seed", range(5))
def test_times_of_random_videos_round_trip(seed: int) -> None:
    times = np.cumsum(np.random.default_rng(seed).uniform(0.01, 0.1, 50))
    video = Video(Path("x.mp4"), SIZE, times - times[0], np.arange(50))
    assert list(video.frames_at(times - times[0])) == list(range(50))


def test_a_name_with_a_colon_is_a_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4").rename(tmp_path / "concat:x.mp4")
    assert len(open_video(path).times) == 10


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a video of a known format"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "cannot be read as a video"),
        ("empty.mp4", b"", "cannot be read as a video"),
        ("noise.mkv", bytes(range(256)) * 40, "cannot be read as a video"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=fault) as caught:
        open_video(tmp_path / name)
    assert name in str(caught.value)


def test_a_truncated_video_names_the_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mkv")
    video = open_video(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cut\.mkv: (frame 9 cannot be decoded|cannot be read)"):
        dict(read_frames(video, [9]))


def test_frames_without_a_time_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "old.avi")  # H.264 with reordered frames, which AVI cannot describe
    with pytest.raises(InputError, match=r"does not say when each frame is shown; convert it, .* old\.mp4"):
        open_video(path)


def test_a_missing_video_and_one_with_too_many_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_video(tmp_path / "none.mp4")
    monkeypatch.setattr("training.captures.video.MAX_FRAMES", 5)
    assert MAX_FRAMES > 5
    with pytest.raises(InputError, match="more than 5 frames"):
        open_video(write_video(tmp_path / "long.mp4"))


def test_frames_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, store = open_video(write_video(tmp_path / "a.mp4")), FrameStore(tmp_path / "frames")
    store.decode(video, [1, 2])
    assert store.path(video, 1).is_file() and not store.path(video, 3).exists()
    monkeypatch.setattr("training.captures.frame_store.read_frames", lambda _, indices: pytest.fail(f"decodes {indices}"))
    store.decode(video, [2, 1, 1])


def test_a_changed_video_is_decoded_again(tmp_path: Path) -> None:
    path, store = tmp_path / "a.mp4", FrameStore(tmp_path / "frames")
    video = open_video(write_video(path))
    store.decode(video, [0])
    before = store.path(video, 0)
    write_video(path, ticks=[0, 40])
    assert store.path(open_video(path), 0) != before


def test_the_limit_removes_the_video_used_least_recently(tmp_path: Path) -> None:
    videos = [open_video(write_video(tmp_path / f"{name}.mp4")) for name in "abc"]
    store = FrameStore(tmp_path / "frames")
    for video in videos[:2]:
        store.decode(video, range(5))
    os.utime(store.path(videos[0], 0).parent, (10, 10))
    used = sum(file.stat().st_size for file in store.folder.rglob("*.png"))
    small = FrameStore(tmp_path / "frames", limit=used + 10)
    small.decode(videos[2], range(5))
    kept = [small.path(video, 0).is_file() for video in videos]
    assert kept == [False, True, True]
    with pytest.raises(InputError, match="decoded frames take more than"):
        FrameStore(tmp_path / "other", limit=100).decode(videos[0], range(5))
