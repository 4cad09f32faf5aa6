"""Arrays come back from their file as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from common.array_file import load_arrays, save_arrays
from common.tensor_file import save_tensors


def test_arrays_keep_their_shapes_and_values(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    arrays = {"single number": np.array(3.0, np.float32), "empty": values[:0], "rows": values, "columns": values.T}
    save_arrays(arrays, tmp_path / "file.safetensors", {"text": "about"}, "file")
    read, texts = load_arrays(tmp_path / "file.safetensors")
    assert texts == {"text": "about"} and set(read) == set(arrays)
    for name, array in arrays.items():
        assert read[name].shape == array.shape and np.array_equal(read[name], array), name


def test_a_tensor_of_one_number_has_no_axes(tmp_path: Path) -> None:
    """Optimizers count their steps in such tensors, and a training is resumed from them."""
    save_tensors({"step": torch.tensor(7.0)}, tmp_path / "file.safetensors", {}, "file")
    step = load_arrays(tmp_path / "file.safetensors")[0]["step"]
    assert step.shape == () and step == 7
