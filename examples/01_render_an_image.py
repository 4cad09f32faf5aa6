"""Open a video and save one image as PNG."""

import sys

import numpy as np
from PIL import Image

import mlpvid

video = mlpvid.open(sys.argv[1] if len(sys.argv) > 1 else mlpvid.DEMO)
image = video.render(frame=0, size=(512, 512))

# rgba is premultiplied: over black, its color is what one sees.
Image.fromarray(np.round(image.rgba[..., :3] * 255).astype(np.uint8)).save("image.png")
print(f"image.png: frame 0 of {video.num_frames}, rendered by {video.backend} in {image.statistics.total_ms:.0f} ms")
