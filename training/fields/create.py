"""Choose the fastest radiance field for a training run."""

from __future__ import annotations

import torch

from common.native import note_native_fault
from training.config import TrainingConfig
from training.fields.field import RadianceField
from training.fields.method_field import MethodField
from training.fields.native_field import NativeField
from training.fields.native_kernels import available
from training.fields.torch_field import TorchField


def create_field(config: TrainingConfig, native: bool | None = None, device: torch.device | None = None) -> RadianceField:
    """Return the fastest field that can train a config on this machine.

    Args:
        config: settings of the training run; the native field needs a fixed distance between samples.
        native: True forces the native field, False PyTorch; None means native where possible. Other methods than the paper's
            own have only a field in PyTorch.
        device: where training runs; None means the CPU. On any other device the field is the one in PyTorch.

    Raises:
        ImportError: the native field is forced, and its package is not installed.
    """
    if config.model.method is not None:
        return MethodField(config)
    if native is None:
        native = _fits_native(config, device) and available()
    return NativeField(config) if native else TorchField(config, device or torch.device("cpu"))


def note_slow_field(config: TrainingConfig, device: torch.device | None = None) -> None:
    """Say on stderr, with the remedy, when `create_field` takes PyTorch only because the native kernels cannot be used."""
    if config.model.method is None and _fits_native(config, device):
        note_native_fault("mlpvid_training_kernels", "training in PyTorch takes many times as long")


def _fits_native(config: TrainingConfig, device: torch.device | None) -> bool:
    return config.rays.step > 0 and (device is None or device.type == "cpu")
