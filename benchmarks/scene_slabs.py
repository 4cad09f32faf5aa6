"""Measure the error of overlapping videos in a scene against the exact image, for several numbers of slabs."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

from common.command_line import ArgumentParser, run
from model.bundle.info import read_bundle
from model.camera import Camera
from model.placement import Placement
from model.scene import PlacedVideo, Scene
from renderer.backend import RenderSettings
from renderer.cpu.renderer import CpuRenderer
from renderer.reference.merged import merge_rays
from renderer.scene.renderer import SceneRenderer

SLABS = (1, 4, 8, 16, 32)
"""Numbers of slabs that are measured."""


def overlapping(path: Path) -> tuple[Scene, Camera]:
    """Return a bundle next to a turned and smaller copy of itself, and a camera that sees both."""
    video = read_bundle(path)
    low, high = video.bounds.astype(float)
    side = float((high - low).max())
    copy = Placement((0.12 * side, 0.02, 0.0), (0.0, 0.0, 50.0), 0.9)
    middle = (low + high) / 2
    camera = Camera.look_at(middle + side * np.array([1.5, 1.5, 0.5]), middle, video.metadata.up, 0.6, 96, 96)
    return Scene((PlacedVideo(video), PlacedVideo(video, copy))), camera


def measure(options: argparse.Namespace) -> None:
    """Run the command."""
    scene, camera = overlapping(options.bundle)
    parts = [(placed.video.decode(0.0), placed.placement, RenderSettings()) for placed in scene.videos]
    exact = merge_rays(parts, camera).rgba.view(camera.height, camera.width, 4).numpy()
    for slabs in SLABS:
        renderer = SceneRenderer(CpuRenderer(), slabs)
        image = renderer.render(renderer.prepare(scene, 0.0), camera)
        error = float(np.mean((image.rgba - exact) ** 2, dtype=np.float64))
        print(f"{slabs} slabs: {-10 * math.log10(max(error, 1e-12)):.1f} dB")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = ArgumentParser(prog="benchmarks.scene_slabs", description="Measure the error of overlapping videos.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a .mlpvid file; it is placed twice")
    return run(measure, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
