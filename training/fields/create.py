"""Choosing the field that does a training fastest."""

from __future__ import annotations

import torch

from training.config import TrainingConfig
from training.fields.field import RadianceField
from training.fields.native_field import NativeField, native_available
from training.fields.torch_field import TorchField


def create_field(config: TrainingConfig, native: bool | None = None, device: torch.device | None = None) -> RadianceField:
    """The fastest field that can do a config's training here.

    Args:
        config: the training; the native field wants samples a fixed distance apart.
        native: insist on the native field, or on the PyTorch one; None: native where it can be.
        device: where the training runs; None: on the CPU. On any other the field is PyTorch's.

    Raises:
        ImportError: the native field is insisted on, and its package is not installed.
    """
    device = device or torch.device("cpu")
    if native is None:
        native = config.rays.step > 0 and device.type == "cpu" and native_available()
    return NativeField(config) if native else TorchField(config, device)
