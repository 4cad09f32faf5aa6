"""Hyper-parameters of the methods that the paper is compared with. The defaults have the sizes of their authors' models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictFloat
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from common.validation import FIELDS, WholeNumber, within

Channels = Annotated[WholeNumber, within(1, 4096)]
"""A number of channels."""

Octaves = Annotated[WholeNumber, within(0, 16)]
"""Frequencies of a positional encoding."""


@dataclass(frozen=True, config=FIELDS)
class RadianceMLPConfig:
    """The network of NeRF (Mildenhall et al. 2020, section 3 and figure 7)."""

    width: Channels = 256
    """Width of the hidden layers before the density."""
    depth: Annotated[WholeNumber, within(1, 16)] = 8
    """Number of these layers."""
    skip: Annotated[WholeNumber, within(0, 16)] = 4
    """The layer, counted from 0, that gets the inputs again; 0 means none."""
    view_width: Channels = 128
    """Width of the one layer that gets the view direction."""
    position_octaves: Octaves = 10
    """Frequencies of the encoded position."""
    direction_octaves: Octaves = 4
    """Frequencies of the encoded view direction."""
    density_gain: Annotated[StrictFloat, within(1e-3, 1e4)] = 30.0
    """Density in 1/m of an output of 1. Scenes are in meters here, and the surface of a person needs hundreds."""


@dataclass(frozen=True, config=FIELDS)
class NeuralVolumesConfig:
    """Neural Volumes (Lombardi et al. 2019)."""

    kind: Literal["neural_volumes"] = "neural_volumes"
    """Name of the method."""
    latent_channels: Channels = 256
    """Length of the latent z (authors' code: 256)."""
    volume_channels: Annotated[tuple[Channels, ...], Field(min_length=1, max_length=8)] = (1024, 512, 512, 256, 256, 128, 128)
    """Channels of the 3D features with 1, 2, 4, ... voxels along a side; n entries give an RGB-alpha volume of 2^n voxels along
    a side. The default is that of the authors' code: 128 voxels."""
    warp_channels: Annotated[tuple[Channels, ...], Field(min_length=1, max_length=7)] = (256, 128, 64, 64, 32)
    """The same for the weights of the warps. The authors' code also has 32 voxels along a side, from two linear layers."""
    warps: Annotated[WholeNumber, within(0, 64)] = 16
    """Number of affine warps that are mixed (authors' code: 16); 0 means no warp field."""
    density_gain: Annotated[StrictFloat, within(1e-3, 1e4)] = 30.0
    """Density in 1/m of an alpha of 1."""


@dataclass(frozen=True, config=FIELDS)
class CNeRFConfig:
    """C-NeRF (Wang et al. 2021), as the paper describes it: a feature volume and one radiance network."""

    kind: Literal["c_nerf"] = "c_nerf"
    """Name of the method."""
    latent_channels: Channels = 256
    """Length of the latent z."""
    volume_channels: Annotated[tuple[Channels, ...], Field(min_length=1, max_length=8)] = (1024, 512, 512, 256, 256, 128, 128)
    """Channels of the 3D features with 1, 2, 4, ... voxels along a side; n entries give a volume of 2^n voxels along a side."""
    feature_channels: Channels = 32
    """Channels of the feature volume."""
    mlp: RadianceMLPConfig = RadianceMLPConfig()
    """The radiance network."""


@dataclass(frozen=True, config=FIELDS)
class DNeRFConfig:
    """D-NeRF (Pumarola et al. 2021)."""

    kind: Literal["d_nerf"] = "d_nerf"
    """Name of the method."""
    deformation_width: Channels = 256
    """Width of the hidden layers of the deformation network (authors' code: 256)."""
    deformation_depth: Annotated[WholeNumber, within(1, 16)] = 8
    """Number of these layers (authors' code: 8)."""
    time_octaves: Octaves = 4
    """Frequencies of the encoded time. The authors' code has as many as for positions, 10 by default."""
    mlp: RadianceMLPConfig = RadianceMLPConfig()
    """The canonical network; its `position_octaves` also encode the position for the deformation network."""

    @property
    def latent_channels(self) -> int:
        """D-NeRF has no latents; time itself is an input."""
        return 0


@dataclass(frozen=True, config=FIELDS)
class DyNeRFConfig:
    """DyNeRF (Li et al. 2022). Its authors have released no code; the defaults were not compared with the paper's text."""

    kind: Literal["dynerf"] = "dynerf"
    """Name of the method."""
    latent_channels: Channels = 1024
    """Length of the latent z_t of a frame."""
    mlp: RadianceMLPConfig = RadianceMLPConfig(width=512)
    """The radiance network."""


@dataclass(frozen=True, config=FIELDS)
class SharedMLPConfig:
    """The paper's own features, with one radiance network in place of the MLP maps (tables 1 and 2).

    The decoder's backbone and feature planes and the hash tables are those of the model's config; its MLP maps are not used.
    """

    kind: Literal["shared_mlp"] = "shared_mlp"
    """Name of the method."""
    features: Literal["planes", "hash", "both"] = "both"
    """"both" is Ours-Single (table 1; table 2, row 5), "planes" is Baseline1 (table 1), "hash" has only the hash tables."""
    mlp: RadianceMLPConfig = RadianceMLPConfig()
    """The radiance network; `position_octaves` is not used, since the feature is the input."""


MethodConfig = NeuralVolumesConfig | CNeRFConfig | DNeRFConfig | DyNeRFConfig | SharedMLPConfig
"""The config of a method."""

METHODS = {
    "neural_volumes": "Neural Volumes",
    "c_nerf": "C-NeRF",
    "d_nerf": "D-NeRF",
    "dynerf": "DyNeRF",
    "shared_mlp": "Single shared MLP",
}
"""The kinds of methods besides the paper's own, and the names that users see."""


def _known_kind(value: Any) -> Any:
    """Refuse an unknown kind by name."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    if not isinstance(kind, str) or kind not in METHODS:
        shown = repr(kind)[:60]
        known = ", ".join(METHODS)
        raise PydanticCustomError("kind", f"has the unknown kind {shown}; the known kinds are {known}")  # type: ignore[arg-type]
    return value


CheckedMethod = Annotated[MethodConfig, Field(discriminator="kind"), BeforeValidator(_known_kind)]
"""A method's config in another config; an unknown kind is refused by name."""


def hidden_bytes(method: MethodConfig | None) -> int:
    """Return about how many bytes the hidden layers and the encoded inputs of one sample take while training, float32."""
    if method is None:
        return 0
    if isinstance(method, NeuralVolumesConfig):
        return 4 * 3 * 16 * method.warps
    layers = 3 * method.mlp.width * (method.mlp.depth + 2)
    if isinstance(method, DNeRFConfig):
        layers += 3 * method.deformation_width * method.deformation_depth
    if isinstance(method, DyNeRFConfig):
        layers += 3 * method.latent_channels
    return 4 * layers
