"""Sum the gradients of hash tables over processes: all rows, or only those that are not zero, whichever is less to send."""

from __future__ import annotations

import torch
import torch.distributed as dist


def sum_rows(gradient: torch.Tensor, processes: int) -> None:
    """Sum a gradient over all processes, in place.

    Rows are added in the order of the processes, so that all of them get the same bits.

    Args:
        gradient: (..., F), contiguous. Most rows of hash tables are zero where few frames and rays reach them.
        processes: number of processes.
    """
    rows = gradient.view(-1, gradient.shape[-1])
    index = (rows != 0).any(1).nonzero()[:, 0]
    most = torch.tensor(len(index))
    dist.all_reduce(most, dist.ReduceOp.MAX)
    if sends_rows(int(most), processes, *rows.shape):
        _sum_sparse(rows, index, int(most), processes)
    else:
        dist.all_reduce(rows)


def sends_rows(most: int, processes: int, rows: int, width: int) -> bool:
    """Return whether sending single rows with their indices takes fewer bytes than sending all.

    Args:
        most: largest number of rows that are not zero in any process.
        processes: their number.
        rows: number of all rows.
        width: numbers in a row.
    """
    of_rows = (processes - 1) * most * (width + 1)  # each process receives those of all others
    of_all = 2 * (processes - 1) * rows * width // processes  # a ring passes each part around twice
    return of_rows < of_all


def _sum_sparse(rows: torch.Tensor, index: torch.Tensor, most: int, processes: int) -> None:
    width = rows.shape[1]
    padded = index.new_zeros(most, dtype=torch.int32)  # the padding adds zero to the first row
    values = rows.new_zeros(most, width)
    padded[: len(index)], values[: len(index)] = index.int(), rows[index]
    all_indices = [torch.empty_like(padded) for _ in range(processes)]
    all_values = [torch.empty_like(values) for _ in range(processes)]
    dist.all_gather(all_indices, padded)
    dist.all_gather(all_values, values)
    rows[index] = 0
    for of_process, added in zip(all_indices, all_values, strict=True):
        rows.index_add_(0, of_process, added)
