"""Make a colored point cloud from an image and its depth, and save it as NumPy arrays."""

import sys

import numpy as np

import mlpvid

video = mlpvid.open(sys.argv[1] if len(sys.argv) > 1 else mlpvid.DEMO)
camera = video.overview((256, 256))
image = video.render(frame=0, camera=camera)

# Pixels where the subject is opaque. Their centers are at half integers.
rows, columns = np.nonzero(image.opacity > 0.9)
pixels = np.stack([columns + 0.5, rows + 0.5], axis=-1)
points = camera.unproject(pixels, image.depth[rows, columns])
colors = image.rgba[rows, columns, :3] / image.opacity[rows, columns, None]

np.savez("points.npz", points=points.astype(np.float32), colors=colors)
print(f"points.npz: {len(points)} points between {points.min(0).round(2)} and {points.max(0).round(2)} meters")
