"""A fake second device: tensors that report device "meta", store their values on the CPU, and refuse to mix with CPU tensors.

As with a GPU, an operation between both devices is an error, except with single numbers from the CPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

DEVICE = torch.device("meta")
"""The device that they report. PyTorch can differentiate on it; on "cuda" it cannot if it is built without CUDA."""

_MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class Elsewhere(torch.Tensor):
    """A tensor on the fake device."""

    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> Elsewhere:
        made: Any = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, numbers.shape, strides=numbers.stride(), dtype=numbers.dtype, device=DEVICE
        )
        made.numbers = numbers
        return made  # type: ignore[no-any-return]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return dispatch(function, args, kwargs or {})


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return dispatch(function, args, kwargs or {})


class _MakeTensors(TorchFunctionMode):
    """`torch.tensor` and lists as indices fill memory without going through the dispatcher."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is torch.tensor and kwargs.get("device") == DEVICE:
            return Elsewhere(function(*args, **{**kwargs, "device": torch.device("cpu")}))
        if function.__name__ == "__getitem__" and isinstance(args[0], Elsewhere) and isinstance(args[1], tuple):
            args = (args[0], tuple(Elsewhere(torch.tensor(i)) if isinstance(i, list | tuple) else i for i in args[1]))
        return function(*args, **kwargs)


@contextlib.contextmanager
def pretended_device() -> Iterator[None]:
    """Make `.to(DEVICE)` and `device=DEVICE` return such tensors within the block."""
    with _Dispatch(), _MakeTensors():
        yield


def dispatch(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the CPU, and put its result on the device where a GPU would put it."""
    tensors: list[torch.Tensor] = []
    tree_map(lambda x: tensors.append(x) if isinstance(x, torch.Tensor) else None, (args, kwargs))
    elsewhere = any(isinstance(t, Elsewhere) for t in tensors)
    if elsewhere and function not in _MOVES:
        here = [t for t in tensors if not isinstance(t, Elsewhere) and t.dim() > 0]
        assert not here, f"{function} between devices: a tensor of shape {tuple(here[0].shape)} is on the CPU"
    target = kwargs.get("device")
    if target is not None:
        elsewhere = torch.device(target) == DEVICE
        kwargs = {**kwargs, "device": torch.device("cpu")}
    result = function(*tree_map(_numbers, args), **tree_map(_numbers, kwargs))
    if function in _MOVES[1:]:
        return args[0]
    return tree_map(lambda x: Elsewhere(x) if isinstance(x, torch.Tensor) else x, result) if elsewhere else result


def numbers(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor's values, on either device."""
    return tensor.numbers if isinstance(tensor, Elsewhere) else tensor


def _numbers(value: Any) -> Any:
    return value.numbers if isinstance(value, Elsewhere) else value
