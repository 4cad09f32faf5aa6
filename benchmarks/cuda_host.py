"""Measure the CPU's part of the CUDA backend with a driver that does nothing: python -m benchmarks.cuda_host BUNDLE"""

from __future__ import annotations

import contextlib
import sys
import time as clock
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from common.command_line import ArgumentParser, run
from model.bundle.info import read_bundle
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.cuda.renderer import CudaRenderer
from renderer.cuda.structs import COUNTER_WORDS

ROUNDS = 60
"""Calls of which the fastest counts: other programs only make them slower."""


class IdleEvent:
    """A point in a stream without work."""

    def wait(self) -> None:
        """Do nothing."""

    def milliseconds_since(self, _earlier: object) -> float:
        """Return 0."""
        return 0.0


class IdleReading:
    """A copy of an empty image's counters."""

    def take(self) -> NDArray[np.generic]:
        """Return zeros."""
        return np.zeros(COUNTER_WORDS, np.int32)


class IdleDriver:
    """A `renderer.cuda.driver.Driver` that does nothing. Nobody writes its tensors."""

    name, driver_version, architecture = "no GPU", "none", "86"
    multiprocessors, total_memory, free_memory = 82, 24 << 30, 24 << 30
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.replayed: list[float] = []
        """When the GPU was given captured work, seconds."""

    def load(self, _image: bytes, names: Sequence[str]) -> dict[str, Any]:
        """Return the names."""
        return {name: name for name in names}

    def blocks_per_multiprocessor(self, *_: object) -> int:
        """Return 2."""
        return 2

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Return memory that nobody wrote."""
        return torch.empty(tuple(shape), dtype=dtype)

    def upload(self, source: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return the source in the type."""
        return source.detach().to(dtype or source.dtype)

    def lend(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return memory that nobody wrote."""
        return self.empty(tensor.shape, dtype)

    def download(self, _tensor: torch.Tensor) -> NDArray[np.generic]:
        """Return nothing."""
        return np.zeros(0, np.int32)

    def read(self, _tensor: torch.Tensor) -> IdleReading:
        """Return a copy of counters of an empty image."""
        return IdleReading()

    def zero(self, _tensor: torch.Tensor) -> None:
        """Do nothing."""

    def write(self, _target: torch.Tensor, _source: torch.Tensor) -> None:
        """Do nothing."""

    def launch(self, *_: object) -> None:
        """Do nothing."""

    def share(self, _tensors: Sequence[torch.Tensor]) -> None:
        """Do nothing."""

    def mark(self) -> IdleEvent:
        """Return a point."""
        return IdleEvent()

    @contextlib.contextmanager
    def stream(self, _name: str) -> Iterator[None]:
        """Do nothing."""
        yield

    def capture(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Return a function that returns tensors of the right shapes."""
        result = function()

        def replay() -> Any:
            self.replayed.append(clock.perf_counter())
            return result

        return replay


def measure_host(video: VolumetricVideo) -> dict[str, float]:
    """Return milliseconds of the CPU.

    "start" is preparing a frame until the GPU has its first work, "prepare" all of that, "prepare together" the same for one of
    four frames that are prepared together, and "render" rendering an image of 512x512.
    """
    driver = IdleDriver()
    with patch("renderer.cuda.renderer.load_program", lambda *_: b""), patch("renderer.cuda.frame.fits_half", lambda *_: True):
        renderer = CudaRenderer(driver)
        frame = renderer.prepare(video, 0.0)
    camera = Camera.look_at((3.0, 2.0, 2.0), (0.0, 0.0, 1.0), (0, 0, 1), 0.8, 512, 512)

    def times(index: int) -> list[float]:
        return [float((index + k) % video.num_frames) for k in range(renderer.frames_at_once)]

    def first_work(begin: float) -> float:
        return next(moment for moment in driver.replayed if moment >= begin)

    return {
        "start": _fastest(lambda index: renderer.prepare(video, times(index)[0]), first_work),
        "prepare": _fastest(lambda index: renderer.prepare(video, times(index)[0])),
        "prepare together": _fastest(lambda index: renderer.prepare_together(video, times(index))) / renderer.frames_at_once,
        "render": _fastest(lambda _: renderer.render(frame, camera).finish()),
    }


def _fastest(function: Callable[[int], object], end: Callable[[float], float] = lambda _: clock.perf_counter()) -> float:
    times = []
    for index in range(ROUNDS):
        start = clock.perf_counter()
        function(index)
        times.append(end(start) - start)
    return 1000 * min(times)


def main(arguments: list[str] | None = None) -> int:
    """Run the command `python -m benchmarks.cuda_host`; returns the exit status."""
    parser = ArgumentParser(
        prog="benchmarks.cuda_host", description="Measure the CPU's part of the CUDA backend, without a GPU."
    )
    parser.add_argument("bundle", type=Path, help="the video")

    def command(options: Any) -> int:
        for name, milliseconds in measure_host(read_bundle(options.bundle)).items():
            print(f"{name}: {milliseconds:.2f} ms")
        return 0

    return run(command, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
