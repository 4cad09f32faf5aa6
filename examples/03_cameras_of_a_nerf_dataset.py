"""Render the views that a transforms.json describes, as NeRF datasets and Blender scripts write it."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import mlpvid

video = mlpvid.open(sys.argv[1] if len(sys.argv) > 1 else mlpvid.DEMO)
SIZE = (256, 256)

# A dataset of yours would be read here. This one has two cameras of an orbit around the video.
flip = np.diag([1.0, -1.0, -1.0, 1.0])  # from OpenCV's axes to NeRF's
frames = []
for turn in (0.0, 0.25):
    camera = video.orbit(turn, SIZE)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = camera.R, camera.T
    frames.append({"transform_matrix": (np.linalg.inv(pose) @ flip).tolist()})
angle = 2 * np.arctan(SIZE[0] / 2 / camera.K[0, 0])
Path("transforms.json").write_text(json.dumps({"camera_angle_x": angle, "frames": frames}))

dataset = json.loads(Path("transforms.json").read_text())
for number, frame in enumerate(dataset["frames"]):
    camera = mlpvid.from_nerf(*SIZE, frame["transform_matrix"], dataset["camera_angle_x"])
    image = video.render(frame=0, camera=camera)
    Image.fromarray(np.round(image.rgba[..., :3] * 255).astype(np.uint8)).save(f"nerf_{number}.png")
    print(f"nerf_{number}.png")
