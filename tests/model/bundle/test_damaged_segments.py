"""Long videos with damaged segments: their frames fail by name, and all others can be shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import DamagedData
from model.bundle.read import read_bundle
from model.placement import Placement
from model.scene import PlacedVideo, Scene
from model.segmented_video import SegmentedVideo
from tests.model.bundle.bundle_files import same_tensors
from tests.model.bundle.segment_files import damage_segment, segment_videos, write_row
from viewer.cli import main


def damaged(folder: Path, data: int, lengths: tuple[int, ...] = (4, 4, 4), overlap: int = 0) -> SegmentedVideo:
    """Return a video whose segments with these data are damaged."""
    path = write_row(folder / "long.mlpvid", segment_videos(lengths), overlap)
    damage_segment(path, data)
    video = read_bundle(path)
    assert isinstance(video, SegmentedVideo)
    return video


def test_only_its_frames_fail_and_the_error_names_them(tmp_path: Path) -> None:
    video = damaged(tmp_path, 1)
    assert not video.is_damaged(4.0) and video.damaged_frames() == [], "nobody has read it yet"
    for time in (4.0, 5.5, 7.0, 3.5, 7.25):  # from 3 to 4 and from 7 to 8 the neighbor is blended in, but has no such instant
        with pytest.raises(DamagedData, match=r"frames 4 to 7 cannot be shown: tensor segments\.1\.hash\.tables is damaged"):
            video.parts(time)
        assert video.is_damaged(time) and video.is_loaded(time), "there is nothing to wait for"
    assert video.damaged_frames() == [range(4, 8)]
    for time in (0.0, 3.0, 8.0, 11.0):
        assert not video.is_damaged(time)
        assert [part.weight for part, _ in video.parts(time)] == [1.0]


def test_a_neighbor_shows_the_frames_that_both_have(tmp_path: Path) -> None:
    videos = segment_videos([5, 5, 5])
    video = damaged(tmp_path, 1, (5, 5, 5), overlap=2)  # frames 0 to 4, 3 to 7, 6 to 10
    for time, data, local in ((3.0, 0, 3.0), (3.5, 0, 3.5), (4.0, 0, 4.0), (6.0, 2, 0.0), (7.0, 2, 1.0)):
        [(part, segment)] = video.parts(time)
        assert (part.time, part.weight) == (local, 1.0) and same_tensors(segment, videos[data])
        assert video.loaded_part(time) == (segment, local)
        np.testing.assert_array_equal(video.latent(time), segment.latent(local))
    assert video.damaged_frames() == [range(5, 6)]
    for time in (4.5, 5.0, 5.5):
        with pytest.raises(DamagedData, match="frame 5 cannot be shown"):
            video.parts(time)
        assert video.is_damaged(time)


def test_the_first_segment_may_be_damaged(tmp_path: Path) -> None:
    video = damaged(tmp_path, 0)
    assert video.damaged_frames() == [range(4)]
    with pytest.raises(DamagedData, match="frames 0 to 3 cannot be shown"):
        video.parts(0.0)
    assert video.parts(4.0)


def test_it_is_read_once_and_not_ahead(tmp_path: Path) -> None:
    video = damaged(tmp_path, 1)
    reads: list[int] = []
    load = video.store._load

    def counted(data: int, check: object) -> object:
        reads.append(data)
        return load(data, check)  # type: ignore[arg-type]

    video.store._load = counted  # type: ignore[assignment]
    for _ in range(3):
        video.load_ahead([3.0, 4.0, 5.0])
        assert video.store.wait_until_idle(60)
        with pytest.raises(DamagedData):
            video.parts(5.0)
    assert reads == [1]


def test_changed_segments_are_as_damaged(tmp_path: Path) -> None:
    video = damaged(tmp_path, 2)
    changed = video.changed(lambda segment: segment)
    with pytest.raises(DamagedData, match=r"frames 8 to 11 cannot be shown: tensor segments\.2"):
        changed.parts(9.0)
    assert changed.is_damaged(9.0) and video.is_damaged(9.0)


def test_damaged_frames_of_a_scene(tmp_path: Path) -> None:
    video = damaged(tmp_path, 1)
    video.metadata.fps = 30.0
    with pytest.raises(DamagedData):
        video.parts(4.0)
    late = Scene((PlacedVideo(segment_videos([20])[0]), PlacedVideo(video, Placement(time_offset=0.1))))
    assert late.damaged_frames() == [range(7, 11)], "3 frames later"
    for frame in range(late.num_frames):
        assert late.is_damaged(float(frame)) == (frame in range(7, 11))
    ends = damaged(tmp_path, 2)
    with pytest.raises(DamagedData):
        ends.parts(8.0)
    held = Scene((PlacedVideo(segment_videos([20])[0]), PlacedVideo(ends)))
    assert held.damaged_frames() == [range(8, 20)], "the last frame is held"
    assert Scene((PlacedVideo(video, visible=False), PlacedVideo(ends))).damaged_frames() == [range(8, 12)]


def test_commands_without_a_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(tmp_path, 1)
    bundle, small = str(tmp_path / "long.mlpvid"), ["--size", "32x32", "--backend", "cpu"]
    image, folder = tmp_path / "image.npz", tmp_path / "images"
    assert main([bundle, "--render", str(image), "--frame", "3", *small]) == 0 and image.is_file()
    image.unlink()
    assert main([bundle, "--render", str(image), "--frame", "4", *small]) == 2 and not image.exists()
    assert "error: " in (err := capsys.readouterr().err) and "frames 4 to 7 cannot be shown" in err
    folder.mkdir()
    assert main([bundle, "--record", str(folder), "--path", "orbit", "--frames", "8:12", "--fps", "30", *small]) == 0
    assert len(list(folder.iterdir())) > 0
    movie = tmp_path / "orbit.mp4"
    assert main([bundle, "--record", str(movie), "--path", "orbit", "--frames", "4:8", "--fps", "30", *small]) == 2
    assert "frames 4 to 7 cannot be shown" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "long.mlpvid"], "nothing half-written"
