"""Create the module of a model's method."""

from __future__ import annotations

from model.config import ModelConfig
from model.methods.c_nerf import CNeRF
from model.methods.config import CNeRFConfig, DNeRFConfig, DyNeRFConfig, NeuralVolumesConfig, SharedMLPConfig
from model.methods.d_nerf import DNeRF
from model.methods.dynerf import DyNeRF
from model.methods.method import Method
from model.methods.neural_volumes import NeuralVolumes
from model.methods.shared_mlp import SharedMLP
from model.network import without_memory


def create_method(config: ModelConfig) -> Method:
    """Create the module that a config's `method` names, with random parameters.

    Raises:
        ValueError: the config has no method: it is the paper's own.
    """
    match config.method:
        case NeuralVolumesConfig() as method:
            return NeuralVolumes(method)
        case CNeRFConfig() as method:
            return CNeRF(method)
        case DNeRFConfig() as method:
            return DNeRF(method)
        case DyNeRFConfig() as method:
            return DyNeRF(method)
        case SharedMLPConfig() as method:
            return SharedMLP(config, method)
    raise ValueError("the config has no method")


def method_skeleton(config: ModelConfig) -> Method:
    """Create the module with parameters that have no memory; the caller assigns the values."""
    with without_memory():
        return create_method(config)
