"""Mixed precision: matrix products and convolutions in bfloat16, where the device multiplies it in hardware.

bfloat16 has the exponents of float32, so losses need no scaling. Parameters, optimizer, grids and the gradients of the hash
tables stay in float32: automatic casting only changes the inputs of products.
"""

from __future__ import annotations

import contextlib

import torch

from renderer.decode import multiplies_bfloat16


def products_in(bfloat16: bool, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context in which matrix products and convolutions run.

    Args:
        bfloat16: use bfloat16, if the device multiplies it in hardware. Emulation takes up to a hundred times as long.
        device: where the products are computed.
    """
    if bfloat16 and _multiplies_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type != "cpu" or multiplies_bfloat16()
