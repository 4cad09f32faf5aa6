"""Record an orbit around the subject as a video file, and show the progress."""

import sys

import mlpvid

video = mlpvid.open(sys.argv[1] if len(sys.argv) > 1 else mlpvid.DEMO)
result = video.record(
    "orbit.mp4",
    size=(256, 256),
    seconds=0.5,
    progress=lambda progress: print(f"\r{progress.done} of {progress.total}", end="", file=sys.stderr),
)
print(f"\n{result.message}")
