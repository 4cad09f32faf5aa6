"""Look at the subject from a position of your own."""

import math
import sys

import numpy as np
from PIL import Image

import mlpvid

video = mlpvid.open(sys.argv[1] if len(sys.argv) > 1 else mlpvid.DEMO)
low, high = video.bounds
center, size = (low + high) / 2, float(np.linalg.norm(high - low))
up = np.array(video.metadata.up)

# One and a half diagonals away, and a little above.
side = np.cross(up, (1.0, 0.3, 0.2))
camera = mlpvid.Camera.look_at(
    eye=center + 1.5 * size * side / np.linalg.norm(side) + 0.3 * size * up,
    target=center,
    up=up,
    field_of_view=math.radians(40),
    width=512,
    height=512,
)
image = video.render(frame=0, camera=camera)
Image.fromarray(np.round(image.rgba[..., :3] * 255).astype(np.uint8)).save("view.png")
print(f"view.png: the camera stands at {np.round(camera.center, 2).tolist()} meters")
