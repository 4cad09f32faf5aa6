"""Make the file and the values that show that version 2 stays readable: python -m tests.model.bundle.make_golden FOLDER.

The committed files are never made again: files that users have do not change either.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from model.bundle.coded_write import write_coded
from model.bundle.info import bundle_info, read_bundle
from model.query import query_color, query_density, query_features
from model.video import VolumetricVideo
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_camera, make_video
from tests.model.bundle.bundle_files import tiny_config

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


def main() -> None:
    """Write version2.mlpvid and version2.json."""
    folder = Path(sys.argv[1])
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


if __name__ == "__main__":
    main()
