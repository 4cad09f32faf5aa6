"""Video files, decoded again: colors, alpha, rates, and what survives a crash or a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import IntEnum
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.locks import lock_path
from tests.viewer.videos import decode
from viewer.codecs import CODECS, Encoder, codecs_of
from viewer.export import encoders
from viewer.export.encoders import choose_encoder, load_av
from viewer.export.video_sink import (
    VideoSink,
    check_video,
    count_frames,
    exact_rate,
    free_partial_path,
)

av = pytest.importorskip("av")

WIDTH, HEIGHT = 128, 96


def available_codecs(width: int = 640, height: int = 480) -> dict[str, str]:
    """Return the codecs that this machine can encode, with the name of the encoder that each would use."""
    found = {}
    for codec in CODECS:
        try:
            found[codec] = choose_encoder(codec, width, height, Fraction(30)).name
        except InputError:
            continue
    return found


INSTALLED = available_codecs()

each_format = pytest.mark.parametrize(
    ("name", "codec"), [(f"a{suffix}", codec) for suffix in (".mp4", ".webm") for codec in codecs_of(suffix)]
)


def picture(k: int, channels: int = 3) -> np.ndarray:
    """Return a smooth picture with all hues, opacity falling from left to right."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / [[[HEIGHT]], [[WIDTH]]]
    color = [0.5 + 0.5 * np.sin(4 * x + 0.3 * k), y, 0.5 + 0.5 * np.cos(3 * x - 2 * y + 0.2 * k), 1 - x]
    return np.rint(np.stack(color[:channels], axis=-1) * 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-12)))


def write(path: Path, count: int = 8, **options: object) -> VideoSink:
    sink = VideoSink(path, WIDTH, HEIGHT, options.pop("fps", 25.0), **options)  # type: ignore[arg-type]
    for k in range(count):
        sink.write(picture(k))
    return sink


@each_format
def test_frames_come_back_with_their_colors(tmp_path: Path, name: str, codec: str) -> None:
    if codec not in INSTALLED:
        pytest.skip(f"no encoder for {codec} here")
    write(tmp_path / name, codec=codec).finish()
    assert [p.name for p in tmp_path.iterdir()] == [name]
    frames = decode(tmp_path / name)
    assert len(frames) == 8
    for k, frame in enumerate(frames):
        assert psnr(frame, picture(k)) > 35, k
        shift = (frame.astype(float) - picture(k)).mean(axis=(0, 1))
        assert np.abs(shift).max() < 0.75, "no shift of range or matrix"
    with av.open(str(tmp_path / name)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1, 1)


def test_older_av_has_fewer_names_for_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = IntEnum("names", {"AREA": 0x20})  # before version 18
    monkeypatch.setattr(av.video.reformatter, "Interpolation", names)
    write(tmp_path / "a.mp4", count=1).finish()
    monkeypatch.undo()
    assert psnr(decode(tmp_path / "a.mp4")[0], picture(0)) > 35


def test_the_first_codec_of_a_container_is_its_default() -> None:
    assert (codecs_of(".mp4")[0], codecs_of(".webm")[0]) == ("h264", "vp9")


@pytest.mark.parametrize("fps", [25.0, 29.97, 0.5, 120.0])
def test_duration_is_exact(tmp_path: Path, fps: float) -> None:
    write(tmp_path / "a.mp4", 10, fps=fps).finish()
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.frames == 10
        assert float(stream.duration * stream.time_base) == pytest.approx(10 / fps, rel=1e-3)
        assert float(stream.average_rate) == pytest.approx(fps, rel=1e-3)
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(10) / fps, atol=1e-3 / fps)


def test_webm_keeps_the_opacity(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.webm", WIDTH, HEIGHT, 25.0, transparent=True)
    for k in range(3):
        sink.write(picture(k, 4))
    sink.finish()
    with av.open(str(tmp_path / "a.webm")) as container:
        assert container.streams.video[0].metadata.get("ALPHA_MODE") == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own decoder skips the alpha
        packets = [packet for packet in container.demux(video=0) if packet.size]
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    assert len(frames) == 3 and frames[0].format.name == "yuva420p"
    alpha = frames[1].to_ndarray(format="rgba")[..., 3]
    assert np.abs(alpha.astype(int) - picture(1, 4)[..., 3]).max() <= 6


def test_better_quality_is_larger_and_closer(tmp_path: Path) -> None:
    sizes, scores = [], []
    for quality in (4, 40):
        path = tmp_path / f"{quality}.mp4"
        write(path, quality=quality).finish()
        sizes.append(path.stat().st_size)
        scores.append(psnr(decode(path)[3], picture(3)))
    assert sizes[0] > 2 * sizes[1] and scores[0] > scores[1] + 3


def test_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    sink = write(path)
    assert path.read_bytes() == b"old"
    sink.finish()
    assert count_frames(path) == 8


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_link_stays_and_its_file_is_written(tmp_path: Path, suffix: str) -> None:
    real, link = tmp_path / "real" / f"b{suffix}", tmp_path / f"a{suffix}"
    real.parent.mkdir()
    link.symlink_to(real)
    sink = VideoSink(link, WIDTH, HEIGHT, 30)
    sink.write(picture(0))
    assert lock_path(sink.partial).parent == lock_path(link).parent, "the lock of a killed run finds its partial file"
    sink.finish()
    assert link.is_symlink() and count_frames(link) == 1
    assert list(real.parent.iterdir()) == [real]


def test_stopping_keeps_the_finished_frames(tmp_path: Path) -> None:
    sink = write(tmp_path / "a.mp4", 5)
    message = sink.abort()
    assert message == f"5 finished frames are kept in {tmp_path / 'a.partial.mp4'}"
    assert sink.abort() == message
    assert len(decode(tmp_path / "a.partial.mp4")) == 5
    assert not (tmp_path / "a.mp4").exists()


def test_stopping_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "a.mp4", 0).abort() == "no frame was finished"
    assert list(tmp_path.iterdir()) == []


def test_partial_files_of_earlier_recordings_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert free_partial_path(path).name == "a.partial.mp4"
    (tmp_path / "a.partial.mp4").touch()
    assert free_partial_path(path).name == "a.partial-2.mp4"


CRASH = """
import os, sys
from pathlib import Path
from tests.viewer.export.test_video_sink import VideoSink, HEIGHT, WIDTH, picture
sink = VideoSink(Path(sys.argv[1]), WIDTH, HEIGHT, 25.0, codec=sys.argv[2])
for k in range(20):
    sink.write(picture(k))
os.kill(os.getpid(), 9)
"""


@each_format
def test_a_killed_recording_is_playable(tmp_path: Path, name: str, codec: str) -> None:
    if codec not in INSTALLED:
        pytest.skip(f"no encoder for {codec} here")
    command = [sys.executable, "-c", CRASH, str(tmp_path / name), codec]
    subprocess.run(command, cwd=Path(__file__).parents[3], check=False, timeout=120, env={**os.environ, "PYTHONPATH": "."})
    partial = tmp_path / f"a.partial{Path(name).suffix}"
    frames = decode(partial)
    assert 20 - len(frames) <= 2, "at most what the encoder and the container held back"
    assert psnr(frames[-1], picture(len(frames) - 1)) > 35


def test_full_disk_says_which_frames_are_safe(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    sink = VideoSink(tmp_path / "a.mp4", WIDTH, HEIGHT, 25.0, quality=0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(InputError, match="cannot be written") as caught:
            for k in range(500):
                sink.write(picture(k))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    safe = len(decode(tmp_path / "a.partial.mp4"))
    assert safe >= 3
    assert f"{safe} finished frames are kept in {tmp_path / 'a.partial.mp4'}" in str(caught.value)
    assert not (tmp_path / "a.mp4").exists()


def test_no_room_for_the_plain_copy_keeps_the_fragmented_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: VideoSink) -> None:
        raise InputError(self.path, "cannot be written (No space left on device)")

    monkeypatch.setattr(VideoSink, "_repack", full)
    write(tmp_path / "a.mp4").finish()
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    assert len(decode(tmp_path / "a.mp4")) == 8


@pytest.mark.parametrize(
    ("name", "codec", "transparent", "fault"),
    [
        ("a.avi", None, False, "end its name"),
        ("a.mp4", "vp9", False, "cannot be stored in .mp4"),
        ("a.webm", "h264", False, "cannot be stored in .webm"),
        ("a.mp4", None, True, "has no transparency"),
        ("none/a.mp4", None, False, "does not exist"),
        ("folder.mp4", None, False, "is a folder"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path: Path, name: str, codec: str | None, transparent: bool, fault: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(InputError, match=fault):
        check_video(tmp_path / name, codec, transparent)


@pytest.mark.parametrize("size", [(1, 1), (33, 32), (32, 33), (35, 33)])
@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_odd_sizes_are_padded_with_their_last_row_and_column(tmp_path: Path, size: tuple[int, int], name: str) -> None:
    width, height = size
    sink = VideoSink(tmp_path / name, width, height, 10)
    pixels = np.broadcast_to(np.linspace(60, 200, width)[None, :, None], (height, width, 3)).astype(np.uint8)
    sink.write(pixels)
    sink.finish()
    (frame,) = decode(tmp_path / name)
    assert frame.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(frame[:height, :width].astype(int) - pixels).max() <= 12
    assert np.abs(frame[:, -1].astype(int) - pixels[0, -1]).max() <= 12


def test_rates() -> None:
    assert exact_rate(30.0) == 30
    assert exact_rate(29.97) == Fraction(2997, 100)
    assert exact_rate(30000 / 1001) == Fraction(30000, 1001)
    for fps in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(InputError, match="frame rate"):
            exact_rate(fps)


def test_an_encoder_that_does_not_open_is_replaced_by_the_next() -> None:
    absent = Encoder("no_such_encoder")
    assert not encoders._opens(absent, 64, 64, Fraction(25))
    assert choose_encoder("h264", 64, 64, Fraction(25)).name in ("h264_nvenc", "libx264")


def test_no_encoder_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "_opens", lambda *arguments: False)
    with pytest.raises(InputError, match="cannot be encoded"):
        choose_encoder("hevc", 64, 64, Fraction(25))
    with pytest.raises(InputError, match="unknown"):
        choose_encoder("theora", 64, 64, Fraction(25))
    assert available_codecs() == {}


def test_missing_av_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match="pip install av"):
        load_av("out.mp4")


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="no scheduling policies here")
@pytest.mark.parametrize("codec", [*CODECS, "vp9-alpha"])
def test_encoding_leaves_the_scheduling_of_threads_alone(tmp_path: Path, codec: str) -> None:
    # For root, SVT-AV1 makes them real-time threads. The test runs in a separate process, because the change is permanent.
    script = f"""
import os
from fractions import Fraction
from pathlib import Path
import numpy as np
from common.errors import InputError
from viewer.export.encoders import choose_encoder
from viewer.export.video_sink import VideoSink

def policies():
    return {{os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}}

os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # undo what earlier tests did
before = policies()
try:
    choose_encoder({codec.removesuffix("-alpha")!r}, 128, 96, Fraction(30), {codec.endswith("-alpha")})
except InputError:
    raise SystemExit  # not installed
assert policies() == before, ("choosing", policies())
alpha = {codec.endswith("-alpha")}
name = "a.mp4" if {codec in codecs_of(".mp4")} else "a.webm"
sink = VideoSink(Path({str(tmp_path)!r}) / name, 128, 96, 30, {codec.removesuffix("-alpha")!r}, transparent=alpha)
for _ in range(3):
    sink.write(np.zeros((96, 128, 4 if alpha else 3), np.uint8))
    assert policies() == before, ("writing", policies())
sink.finish()
assert policies() == before, ("finishing", policies())
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "stem", ["take:1", "file:x", "md5:y", "tee:q", "n" * 251, "ä" * 125, "-dash", "b\udcec", "%03d", "a\nb"]
)
def test_every_name_that_the_file_system_allows(stem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sink = VideoSink(Path(f"{stem}.mp4"), 32, 32, 10)
    sink.write(np.zeros((32, 32, 3), np.uint8))
    assert [file.suffixes[-2:] for file in tmp_path.iterdir()] == [[".partial", ".mp4"]]
    sink.finish()
    assert [file.name for file in tmp_path.iterdir()] == [f"{stem}.mp4"]
    assert count_frames(Path(f"{stem}.mp4")) == 1


def test_a_stopped_recording_with_a_colon_in_its_name_keeps_its_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sink = VideoSink(Path("take:1.mp4"), 32, 32, 10)
    sink.write(np.zeros((32, 32, 3), np.uint8))
    assert sink.abort() == "1 finished frames are kept in take:1.partial.mp4"
