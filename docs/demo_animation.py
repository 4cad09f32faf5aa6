"""Render the moving picture of README.md: python -m docs.demo_animation [OUT.webp]

The demo plays while a camera moves around it once. The picture shows the demo and therefore has the demo's license.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import mlpvid

SIZE = (480, 480)
"""Width and height, pixels."""

COUNT = 96
"""Number of pictures. The camera goes around once in them."""

MILLISECONDS = 42
"""How long each picture is shown: about 24 per second."""

ENLARGEMENT = 1.35
"""How much larger than with `Video.orbit` the subject is."""

BACKGROUND = (0.09, 0.09, 0.11)
"""Red, green, blue, 0 to 1."""

MAX_BYTES = 3_000_000
"""The README must load quickly."""


def picture(video: mlpvid.Video, k: int) -> NDArray[np.uint8]:
    """Return picture `k` as (H, W, 3), over the background. The video plays at its own rate and starts again at its end."""
    time = (k * MILLISECONDS / 1000 * video.fps) % (video.num_frames - 1)
    camera = video.orbit(k / COUNT, SIZE)
    camera = replace(camera, K=camera.K @ np.diag([ENLARGEMENT, ENLARGEMENT, 1.0]))
    rgba = video.render(time, camera).rgba
    color = rgba[..., :3] + (1 - rgba[..., 3:]) * np.asarray(BACKGROUND, np.float32)
    return (color * 255 + 0.5).clip(0, 255).astype(np.uint8)


def animate(output: Path) -> None:
    """Render all pictures and write them as an animated WebP."""
    with mlpvid.open(mlpvid.DEMO) as video:
        first, *others = [Image.fromarray(picture(video, k)) for k in range(COUNT)]
    first.save(output, save_all=True, append_images=others, duration=MILLISECONDS, loop=0, quality=85, method=6)
    if output.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{output} has {output.stat().st_size:,} bytes, more than {MAX_BYTES:,}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Render the moving picture of README.md.")
    parser.add_argument("output", nargs="?", type=Path, default=Path("docs/images/demo.webp"), metavar="OUT.webp")
    animate(parser.parse_args().output)


if __name__ == "__main__":
    main()
