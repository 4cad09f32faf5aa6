"""Record the memory before a launch, so that the launch can be repeated with different code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.renderer.cuda.ptx.gpu import PtxDriver, PtxProcessor, ptx_of

Content = dict[int, tuple[NDArray[np.uint32], NDArray[np.bool_]]]
"""Words of each buffer, and which of them were written."""

Mutation = Callable[[str], str]
"""Changes a program's PTX."""


@dataclass(frozen=True)
class Recorded:
    """One launch."""

    arguments: tuple[Any, ...]
    """As `PtxProcessor.run` takes them."""
    before: Content
    """Content of the memory before the launch."""
    after: Content
    """Content of the memory after the launch."""


class RecordingDriver(PtxDriver):
    """A GPU whose buffers are never freed, so that its launches can be run again."""

    def __init__(self, architecture: str) -> None:
        self.recorder = Recorder()
        self.kept: list[torch.Tensor] = []
        super().__init__(architecture, processor=self.recorder)

    def empty(self, *arguments: Any) -> torch.Tensor:
        self.kept.append(super().empty(*arguments))
        return self.kept[-1]


class Recorder(PtxProcessor):
    """A processor that records the last launch of each kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.launches: dict[str, Recorded] = {}

    def run(self, name: str, *arguments: Any) -> None:
        before = self._content()
        super().run(name, *arguments)
        self.launches[name] = Recorded((name, *arguments), before, self._content())

    def again(self, program: str, name: str, architecture: str, mutation: Mutation) -> float:
        """Run a launch with a program that was changed.

        Returns:
            The greatest difference of a number that the launch should have written, compared as floats; inf for NaNs.

        Raises:
            KernelFault: the changed program did something wrong.
        """
        recorded = self.launches[name]
        original = ptx_of(program, architecture)
        for start, (words, written) in recorded.before.items():
            self.memory.regions[start].words[:], self.memory.regions[start].written[:] = words, written
        code = self._codes[name]
        self.load(mutation(original), [name])
        try:
            PtxProcessor.run(self, *recorded.arguments)
        finally:
            self._codes[name] = code
        return max(_difference(words, self.memory.regions[start].words) for start, (words, _) in recorded.after.items())

    def _content(self) -> Content:
        return {start: (region.words.copy(), region.written.copy()) for start, region in self.memory.regions.items()}


def _difference(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> float:
    changed = a != b
    if not changed.any():
        return 0.0
    with np.errstate(all="ignore"):
        differences = np.abs(a[changed].view(np.float32) - b[changed].view(np.float32))
    return float(np.nan_to_num(differences, nan=np.inf, posinf=np.inf).max())
