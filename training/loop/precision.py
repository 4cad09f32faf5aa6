"""Which number format the decoder is trained in."""

from __future__ import annotations

import contextlib

import torch

from renderer.cpu.decode import multiplies_bfloat16


def decoder_precision(bfloat16: bool, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context in which the decoder runs.

    Args:
        bfloat16: whether bfloat16 is wanted; float32 remains where the device has no products of bfloat16, on which they
            would take up to a hundred times as long.
        device: where the decoder is.
    """
    if bfloat16 and _multiplies_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type != "cpu" or multiplies_bfloat16()
