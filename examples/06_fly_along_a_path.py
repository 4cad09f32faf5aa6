"""Fly along keyframes while the scene plays in slow motion. The viewer opens the same file with --path."""

import sys
from pathlib import Path

import mlpvid

video = mlpvid.open(sys.argv[1] if len(sys.argv) > 1 else mlpvid.DEMO)
size = (256, 256)
last = video.num_frames - 1

path = mlpvid.CameraPath()
path.append(frame=0, camera=video.orbit(0.0, size))
path.append(frame=last / 8, camera=video.orbit(0.1, size), seconds=0.3)
path.append(frame=last / 4, camera=video.orbit(0.3, size), seconds=0.3)
path.save(Path("path.json"))

print(video.record("flight.mp4", path=path).message)
