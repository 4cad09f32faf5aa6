"""Small random bundles of several segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model.bundle.info import read_bundle
from model.bundle.segment_write import contents_of_video, row_of_segments, write_segments
from model.config import HashEncodingConfig, ModelConfig
from model.segmented_video import SegmentedVideo
from model.segments import Segment
from model.video import VolumetricVideo
from tests.factories import make_video
from tests.model.bundle.bundle_files import take_apart, tiny_config


def config_with_tables() -> ModelConfig:
    """Return a small config whose hash tables have most of the numbers."""
    tables = HashEncodingConfig(3, 4, log2_table_size=9, base_resolution=4, finest_resolution=16)
    return replace(tiny_config(), hash=tables)


def segment_videos(
    lengths: Sequence[int], config: ModelConfig | None = None, own_decoders: bool = False
) -> list[VolumetricVideo]:
    """Return random videos with these numbers of frames, which share the decoder of the first one or have one each."""
    config = config or tiny_config()
    videos = [make_video(seed=index, num_frames=n, config=config, occupied=0.7) for index, n in enumerate(lengths)]
    for video in () if own_decoders else videos[1:]:
        video.decoder_weights = videos[0].decoder_weights
        video.__dict__.pop("decoder", None)
    return videos


def write_row(
    path: Path, videos: Sequence[VolumetricVideo], overlap: int = 0, repeats: int = 1, segments: Sequence[Segment] = ()
) -> Path:
    """Write videos one after another to a bundle, or where `segments` says; return its path."""
    places = segments or row_of_segments([video.num_frames for video in videos], overlap, repeats)
    write_segments([contents_of_video(video, {}) for video in videos], places, videos[0].metadata, path)
    return path


def opened(path: Path) -> SegmentedVideo:
    """Open a bundle of segments."""
    video = read_bundle(path)
    assert isinstance(video, SegmentedVideo)
    return video


def damage_segment(path: Path, data: int) -> None:
    """Flip one bit of the hash tables of the segments with these data."""
    content, pieces = bytearray(path.read_bytes()), take_apart(path)
    content[len(content) - len(pieces.data) + pieces.entries[f"segments.{data}.hash.tables"]["data_offsets"][0] + 5] ^= 1
    path.write_bytes(content)
