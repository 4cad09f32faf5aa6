"""Several processes that train together, started by torchrun: each computes some frames of a step, and gradients are summed."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import psutil
import torch
import torch.distributed as dist

from common.errors import InputError
from common.interrupts import INTERRUPTED
from renderer.threads import available_cores
from training.loop.sum_rows import sum_rows

T = TypeVar("T")

_PATIENCE = timedelta(days=1)  # the first process carves hulls while the others wait; torchrun ends those whose peer has died


class LostProcess(InputError):
    """Another process of the run has ended without a message."""


@dataclass(frozen=True)
class Processes:
    """The processes of a run. All functions that exchange something must be called by all of them, in the same order."""

    rank: int = 0
    """Index of this process, from 0."""
    count: int = 1
    """Number of processes."""
    local_rank: int = 0
    """Index of this process among those of this machine; that of its GPU."""
    local_count: int = 1
    """Number of processes on this machine."""
    peers: tuple[tuple[str, int], ...] = ()
    """Name of the machine and process ID of each process."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes, prints and exports."""
        return self.rank == 0

    @property
    def speaks(self) -> bool:
        """Whether this process says that another one was lost: the first one that is still alive on this machine."""
        lower = [pid for host, pid in self.peers[: self.rank] if host == socket.gethostname()]
        return not any(_alive(pid) for pid in lower)

    def cores(self) -> int:
        """Return the number of processor cores for each process."""
        return max(1, available_cores() // self.local_count)

    def check_frames(self, frames_per_step: int) -> None:
        """Raise InputError if there are not enough frames in a step for every process."""
        if frames_per_step < self.count:
            fault = f"are {frames_per_step} frames, too few for {self.count} processes"
            raise InputError("rays.frames_per_step", fault, "start fewer processes, or use more frames per step")

    def share_of(self, items: Sequence[T]) -> list[T]:
        """Return the items that this process works on: every one whose index is its rank modulo the number of processes."""
        return list(items[self.rank :: self.count])

    def of_first(self, value: float) -> float:
        """Return the first process's value."""
        return float(self._sum(torch.tensor(value if self.is_first else 0.0, dtype=torch.float64)))

    def any(self, value: bool) -> bool:
        """Return whether the value is true in any process."""
        return bool(self._sum(torch.tensor(int(value))) > 0)

    def sum_gradients(self, gradients: list[torch.Tensor | None], parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the sums of dense gradients over all processes.

        Args:
            gradients: None means zero.
            parameters: of the same shapes.
        """
        filled = [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, parameters, strict=True)]
        flat = self._sum(torch.cat([gradient.reshape(-1) for gradient in filled]))
        parts = flat.split([parameter.numel() for parameter in parameters])
        return [part.view(parameter.shape) for part, parameter in zip(parts, parameters, strict=True)]

    def sum_tables(self, gradient: torch.Tensor) -> None:
        """Sum the gradient of hash tables over all processes, in place. If few rows are nonzero, only those are sent."""
        if self.count > 1:
            self._exchange(lambda: sum_rows(gradient, self.count))

    def sum_numbers(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the sum of small tensors on the CPU over all processes."""
        return self._sum(numbers)

    @contextlib.contextmanager
    def agreed(self) -> Iterator[None]:
        """Raise an error in all processes if the block raises one in any of them. The block must not exchange anything.

        Raises:
            InputError: that of the first process that has one. A process with another exception raises that.
        """
        error: Exception | None = None
        try:
            yield
        except Exception as caught:
            if self.count == 1:
                raise
            error = caught
        if self.count > 1 and self.any(error is not None):
            raise self._common_error(error) from error

    def _common_error(self, error: Exception | None) -> Exception:
        own = None
        if isinstance(error, InputError):
            own = (str(error.subject), error.fault, error.remedy)
        elif error is not None:
            own = (f"process {self.rank}", f"has failed ({type(error).__name__}: {error})", "")
        everyone: list[Any] = [None] * self.count
        self._exchange(lambda: dist.all_gather_object(everyone, own))
        subject, fault, remedy = next(text for text in everyone if text is not None)
        return InputError(subject, fault, remedy) if error is None or isinstance(error, InputError) else error

    def _sum(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.count > 1:
            self._exchange(lambda: dist.all_reduce(tensor))
        return tensor

    def _exchange(self, call: Callable[[], object]) -> None:
        try:
            call()
        except RuntimeError as error:
            fault = "another process of this run has ended"
            raise LostProcess("training", fault, "start all of them again with --resume") from error


ALONE = Processes()
"""A run in one process."""


@contextlib.contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, until the block ends; yield `ALONE` without torchrun.

    Args:
        device: "cpu" (gloo) or "cuda" (nccl; one GPU for each process of a machine).

    Raises:
        InputError: there are more processes than GPUs, or the others do not answer.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        yield ALONE
        return
    rank, count, local_rank, local_count = (
        int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    )
    processes = Processes(rank, count, local_rank, local_count)
    if device == "cuda":
        gpus = torch.cuda.device_count()
        if processes.local_count > gpus:
            fault = f"{processes.local_count} processes need as many GPUs, but this machine has {gpus}"
            raise InputError("--device cuda", fault, f"use --nproc-per-node {gpus}")
        torch.cuda.set_device(processes.local_rank)
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=_PATIENCE)
        peers = [("", 0)] * processes.count
        dist.all_gather_object(peers, (socket.gethostname(), os.getpid()))
    except RuntimeError as error:
        raise InputError("training", f"the processes cannot reach one another ({error})") from error
    try:
        yield replace(processes, peers=tuple(peers))
    finally:
        dist.destroy_process_group()


def together(work: Callable[[], int], processes: Processes) -> int:
    """Do the work of one process and return its exit status. Only one of the processes prints, and says why they end.

    Raises:
        InputError: in the process that prints.
        KeyboardInterrupt: a signal came, in the process that prints.
    """
    if processes.is_first:
        return work()
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            return work()
    except LostProcess:
        if processes.speaks:
            raise
    except InputError:
        pass  # the first process raises it, too
    except KeyboardInterrupt as interrupt:
        return getattr(interrupt, "status", INTERRUPTED)
    return 2


def _alive(process: int) -> bool:
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
