"""Color heads for training: `model.query.apply_color_heads` in a few large operations, which suits GPUs."""

from __future__ import annotations

import torch

from model.config import FEATURE_CHANNELS, HIDDEN_CHANNELS

_BLOCK = 64  # samples with the same head that go through a matrix product together


def apply_heads_in_blocks(heads: torch.Tensor, index: torch.Tensor, features: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Evaluate the color head of each sample; arguments and result as in `model.query.apply_color_heads`.

    Samples are sorted by head into padded blocks with one head each, and all blocks go through one batched product.
    """
    order = torch.argsort(index, stable=True)
    counts = torch.bincount(index, minlength=len(heads))
    blocks = (counts + _BLOCK - 1) // _BLOCK
    first_row, first_block = torch.cumsum(counts, 0) - counts, torch.cumsum(blocks, 0) - blocks
    head = index[order]
    slot = first_block[head] * _BLOCK + torch.arange(len(order), device=index.device) - first_row[head]
    head_of_block = torch.repeat_interleave(torch.arange(len(heads), device=index.device), blocks)
    inputs = torch.cat([features, view], dim=1)[order]
    padded = inputs.new_zeros(len(head_of_block) * _BLOCK, inputs.shape[1]).index_copy(0, slot, inputs)
    outputs = _multiply_blocks(padded.view(-1, _BLOCK, inputs.shape[1]), heads.index_select(0, head_of_block))
    return inputs.new_zeros(len(order), 3).index_copy(0, order, outputs.reshape(-1, 3)[slot].to(inputs.dtype))


def _multiply_blocks(inputs: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
    """Multiply blocks of inputs (blocks, rows, 32 + V) by their heads (blocks, parameters): (blocks, rows, 3)."""
    features, view = inputs.split([FEATURE_CHANNELS, inputs.shape[2] - FEATURE_CHANNELS], dim=2)
    inner = HIDDEN_CHANNELS + view.shape[2]
    W0, W1, W2 = heads.split([FEATURE_CHANNELS * HIDDEN_CHANNELS, inner * HIDDEN_CHANNELS, HIDDEN_CHANNELS * 3], dim=1)
    h0 = torch.bmm(features, W0.reshape(-1, FEATURE_CHANNELS, HIDDEN_CHANNELS))
    h1 = torch.relu(torch.bmm(torch.cat([h0, view], dim=2), W1.reshape(-1, inner, HIDDEN_CHANNELS)))
    return torch.bmm(h1, W2.reshape(-1, HIDDEN_CHANNELS, 3))
