"""Compare the native kernels with the reference renderer: how far the images differ, and the time of each."""

import sys
import time

import numpy as np

import mlpvid

bundle = sys.argv[1] if len(sys.argv) > 1 else mlpvid.DEMO
images = {}
for backend in ("reference", "cpu"):
    with mlpvid.open(bundle, backend=backend) as video:
        video.render(frame=0, size=(96, 96))  # decode the frame first
        began = time.perf_counter()
        images[backend] = video.render(frame=0, size=(96, 96)).rgba
        print(f"{backend}: {1000 * (time.perf_counter() - began):.0f} ms")

error = images["cpu"] - images["reference"]
print(f"largest difference: {255 * np.abs(error).max():.2f}/255, PSNR: {-10 * np.log10(np.mean(error**2)):.0f} dB")
