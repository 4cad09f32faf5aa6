"""Make the files and the values that show that version 2 stays readable: python -m tests.model.bundle.make_golden FOLDER.

The committed files are never made again: files that users have do not change either.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from model.bundle.coded_write import write_coded
from model.bundle.info import bundle_info, read_bundle
from model.bundle.segment_write import contents_of_video, write_segments
from model.query import query_color, query_density, query_features
from model.segments import Segment
from model.video import VolumetricVideo
from renderer.reference.renderer import ReferenceRenderer
from renderer.segments import SegmentRenderer
from tests.factories import make_camera, make_video
from tests.model.bundle.bundle_files import tiny_config
from tests.model.bundle.segment_files import segment_videos
from tests.model.sound.sounds import click_sound

TIME = 0.7
"""The instant whose values are written."""

STEPS = {
    "hash.tables": (0.01, 0.02),
    "decoder.color_head.weight": (0.002,),
    "decoder.backbone.linear.weight": (0.02,),
    "decoder.feature_head.weight": (0.001,),
}
"""Steps of the file. One makes numbers that need 16 bits, the others fit into 8; the other tensors are stored exactly."""


def golden_video() -> VolumetricVideo:
    """Return the video; one tensor of it is constant, so that it is stored compressed."""
    video = make_video(seed=2, num_frames=2, config=tiny_config(), occupied=0.7)
    video.decoder_weights["backbone.upsamples.0.bias"][...] = 0.25
    return video


SEGMENTS = (Segment(0, 2, 0), Segment(1, 3, 1), Segment(4, 2, 2), Segment(6, 3, 1))
"""Of the file with several segments: the first two share a frame, the others none, and the last one repeats the second."""

SEGMENT_TIMES = (0.3, 1.0, 2.5, 3.25, 5.5, 8.0)
"""Instants whose pixels are written: within a segment, in a shared frame, between two segments, and at the end."""


def write_golden_segments(folder: Path, name: str, videos: list[VolumetricVideo]) -> None:
    """Write NAME.mlpvid and NAME.json: a file with several segments, and pixels of it."""
    path, camera = folder / f"{name}.mlpvid", make_camera(24, 24)
    steps = {"hash.tables": (0.01, 0.02), "decoder.color_head.weight": (0.002,)}
    write_segments([contents_of_video(video, steps) for video in videos], SEGMENTS, videos[0].metadata, path)
    video, renderer = read_bundle(path), SegmentRenderer(ReferenceRenderer())
    places, pixels = [(12, 12), (9, 14), (0, 0)], []
    for time in SEGMENT_TIMES:
        image = renderer.render(renderer.prepare(video, time), camera)
        pixels += [[time, x, y, *image.rgba[y, x].tolist(), float(image.depth[y, x])] for x, y in places]
    values = {"xxh3": bundle_info(path)["xxh3"], "camera": camera.to_dict(), "pixels": pixels}
    path.with_suffix(".json").write_text(json.dumps(values, indent=1) + "\n")


def write_golden_video(folder: Path) -> None:
    """Write version2.mlpvid and version2.json."""
    path = folder / "version2.mlpvid"
    write_coded(golden_video(), path, STEPS)
    video, camera = read_bundle(path), make_camera(24, 24)
    frame = video.decode(TIME)
    torch.manual_seed(1)
    points = torch.cat([torch.rand(5, 3), torch.tensor([[0.0, 0, 0], [1, 1, 1], [0, 1, 0.5]])])
    directions = torch.nn.functional.normalize(torch.randn(8, 3), dim=1)
    features = query_features(frame, points)
    renderer = ReferenceRenderer()
    image = renderer.render(renderer.prepare(video, TIME), camera)
    places = [(12, 12), (9, 14), (0, 0)]
    values = {
        "xxh3": bundle_info(path)["xxh3"],
        "time": TIME,
        "points": points.tolist(),
        "directions": directions.tolist(),
        "density": query_density(frame, points, features).tolist(),
        "color": query_color(frame, points, features, directions).tolist(),
        "camera": camera.to_dict(),
        "pixels": [[x, y, *image.rgba[y, x].tolist(), float(image.depth[y, x])] for x, y in places],
    }
    (folder / "version2.json").write_text(json.dumps(values, indent=1) + "\n")


def write_golden_sound(folder: Path) -> None:
    """Write version2_sound.mlpvid and version2_sound.json."""
    path, times = folder / "version2_sound.mlpvid", [0.125, 0.75]
    video = golden_video()
    video.metadata.sound = click_sound(1.0, times, offset=0.25)
    write_coded(video, path, STEPS)
    values = {"xxh3": bundle_info(path)["xxh3"], "offset": 0.25, "channels": 2, "samples": 48000, "clicks": times}
    (folder / "version2_sound.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    write_golden_video(Path(sys.argv[1]))
    write_golden_segments(Path(sys.argv[1]), "version2_segments", segment_videos([2, 3, 2]))
    write_golden_segments(Path(sys.argv[1]), "version2_decoders", segment_videos([2, 3, 2], own_decoders=True))
    write_golden_sound(Path(sys.argv[1]))
