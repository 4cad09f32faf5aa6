"""The native package: loading it, and memory that its kernels read fast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.native import REMEDY, import_native


def load_native() -> Any:
    """Import the native package.

    Raises:
        InputError: it is not installed, or of another version.
    """
    try:
        return import_native("mlpvid_kernels")
    except ImportError as error:
        raise InputError("backend cpu", str(error), f"{REMEDY}, or use --backend reference") from error


def allocate(native: Any, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    """Allocate memory without clearing it, in huge pages where possible: scattered reads then find more addresses cached."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.asarray(native.allocate(count)).view(dtype).reshape(shape)
