"""Arrays in a file that is mapped into memory, for what would not fit there. The system keeps in memory what is used."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import torch

from common.errors import InputError

_ALIGNMENT = 64  # bytes; arrays start at multiples of it


class MappedFile:
    """A file without a name, which disappears when the program ends, however it ends.

    Args:
        folder: where its blocks are.
        size: bytes of all arrays together. Blocks that are never written take no space on most file systems.

    Raises:
        InputError: the file cannot be created.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._end, self._lock = folder, 0, threading.Lock()
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - it lives as long as this object
            self._file.truncate(size)
            self._map = mmap.mmap(self._file.fileno(), size)
        except (OSError, ValueError) as error:
            raise InputError(folder, f"cannot hold a file of {size / 1e9:.1f} GB ({error})") from error

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """Write a tensor and return it as a part of the mapped file; safe to call from several threads at once.

        Raises:
            InputError: the disk is full.
        """
        values = np.ascontiguousarray(tensor.numpy())
        if not values.nbytes:
            return tensor
        with self._lock:
            offset = self._end
            self._end = math.ceil((offset + values.nbytes) / _ALIGNMENT) * _ALIGNMENT
            try:
                # A write through the map would end the program if the disk is full.
                self._file.seek(offset)
                _write(self._file.fileno(), memoryview(values.tobytes()))
            except OSError as error:
                raise InputError(self._folder, f"has no space for images ({error.strerror})", "free some space") from error
        mapped = np.frombuffer(self._map, values.dtype, values.size, offset)
        return torch.from_numpy(mapped.reshape(values.shape))


def _write(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
