"""Adam with two learning rates. The native lazy Adam updates the hash tables of the native field, and Muon the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from model.decoder import EqualizedUpsample
from renderer.threads import available_cores
from training.config import OptimizerConfig, TrainingConfig
from training.fields.native_kernels import HashTableAdam, TrainingKernels
from training.loop.adam import MOMENTS, Adam, AdamGroup
from training.loop.muon import Muon, MuonLayer
from training.loop.network import Network
from training.loop.processes import ALONE, Processes
from training.loop.rate import RateTerm
from training.loop.schedule import RateFactors

MOMENTUM = "momentum"
"""Name of the state of a parameter that Muon updates."""


@dataclass(frozen=True)
class GridGradient:
    """Gradient with respect to the hash grids baked at one time, from which that of the tables follows."""

    grids: torch.Tensor
    """(3, nodes, F), in the order of `TrainingKernels.bake`."""
    time: float
    """t/T at which the grids were baked."""


class Optimizer:
    """Updates a network's parameters from gradients.

    Args:
        network: its parameters are updated in place, except frozen ones (without `requires_grad`).
        config: rates, decay rates, epsilons.
        native: use the native Adam for the hash tables; it skips entries without a gradient.
    """

    def __init__(self, network: Network, config: TrainingConfig, native: bool) -> None:
        self._config = config.optimizer
        self._names: dict[torch.Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
        self._parameters = list(network.parameters())
        self._tables = network.tables
        self._others = [p for p in self._parameters if p is not self._tables and p.requires_grad]
        self._muon = _muon(network, self._config)
        betas = (self._config.beta1, self._config.beta2)
        matrices = {layer.weight for layer in self._muon.layers}
        with_adam = [p for p in self._others if p not in matrices]
        groups = [AdamGroup(with_adam, self._config.decoder_rate, self._config.epsilon)]
        if not native and self._tables is not None:
            groups.append(AdamGroup([self._tables], self._config.table_rate, self._config.table_epsilon))
        self._adam = Adam(groups, betas)
        self._table_adam = None
        if native and self._tables is not None:
            kernels = TrainingKernels(config.model, threads=available_cores())
            self._table_adam = HashTableAdam(kernels, self._tables, betas, self._config.table_epsilon)

    def exchanged(
        self, gradients: list[torch.Tensor | None], processes: Processes, factors: RateFactors
    ) -> list[torch.Tensor | None]:
        """Return the gradients summed over all processes, in the order of the network's parameters; None means zero.

        Only those that `step` uses with these factors are summed.

        With the native Adam, that of the tables stays None, because `step` sums the gradients of the grids.
        """
        if processes.count == 1:
            return gradients
        of = dict(zip(self._parameters, gradients, strict=True))
        summed: dict[torch.Tensor, torch.Tensor | None] = {}
        if factors.others is not None:
            of_others = processes.sum_gradients([of[p] for p in self._others], self._others)
            summed |= zip(self._others, of_others, strict=True)
        if self._tables is not None:
            summed[self._tables] = None
        if self._tables is not None and self._table_adam is None:
            given = of[self._tables]
            summed[self._tables] = table = torch.zeros_like(self._tables) if given is None else given.contiguous()
            processes.sum_tables(table)
        return [summed.get(parameter) for parameter in self._parameters]

    def step(
        self,
        gradients: list[torch.Tensor | None],
        factors: RateFactors,
        grids: Sequence[GridGradient] = (),
        processes: Processes = ALONE,
        rate: RateTerm | None = None,
        step: int = 0,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        """Update all parameters once.

        Args:
            gradients: in the order of the network's parameters; None means zero.
            factors: factors on the learning rates. Without one for the others, only the tables are updated.
            grids: with the native Adam, the gradients that replace those of the tables; they are summed.
            processes: the processes whose grids are summed.
            rate: adds its gradients, and rounds the parameters again.
            step: how many steps were done before.
            pool: updates several layers of the decoder at once. The result does not depend on it.
        """
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            if parameter.requires_grad and self._updates(parameter, factors):
                parameter.grad = _in_layout_of(parameter, gradient)
                if rate is not None:
                    rate.add_to(parameter, parameter.grad)
        if self._table_adam is not None:
            self._step_tables(self._table_adam, factors.tables, grids, processes, rate, step)
        self._adam.step([factors.others, factors.tables][: len(self._adam.groups)])
        if factors.others is not None:
            self._muon.step(factors.others, pool)
        if rate is not None:
            rate.refresh()

    def _updates(self, parameter: torch.Tensor, factors: RateFactors) -> bool:
        """Return whether Adam or Muon updates a parameter from its `grad` in a step."""
        if parameter is self._tables:
            return self._table_adam is None
        return factors.others is not None

    def _step_tables(
        self,
        adam: HashTableAdam,
        rate_factor: float,
        grids: Sequence[GridGradient],
        processes: Processes,
        rate: RateTerm | None,
        step: int,
    ) -> None:
        learning_rate = self._config.table_rate * rate_factor
        if processes.count == 1 and rate is None:  # nobody else needs the gradient of the tables
            adam.step_from_grids(learning_rate, [(gradient.grids, gradient.time) for gradient in grids])
            return
        for gradient in grids:
            adam.accumulate(gradient.grids, gradient.time)
        processes.sum_tables(adam.gradients)
        if rate is not None:
            rate.add_to_rows(adam.tables, adam.gradients, adam.steps, step)
        adam.step(learning_rate)

    def state(self) -> dict[str, torch.Tensor]:
        """Return the optimizer's state by moment and parameter name."""
        tensors = {
            f"{moment}.{self._names[parameter]}": value
            for parameter, moments in self._adam.state.items()
            for moment, value in moments.items()
        }
        tensors |= {f"{MOMENTUM}.{self._names[weight]}": value for weight, value in self._muon.momenta.items()}
        if self._table_adam is not None:
            tensors |= {f"tables.{name}": value for name, value in self._table_adam.state().items()}
        return tensors

    def expected_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what `state` returns after the first step."""
        shapes: dict[str, tuple[int, ...]] = {}
        for group in self._adam.groups:
            for parameter in group.parameters:
                shape = tuple(parameter.shape)
                shapes |= {f"{m}.{self._names[parameter]}": () if m == "step" else shape for m in MOMENTS}
        shapes |= {f"{MOMENTUM}.{self._names[layer.weight]}": tuple(layer.weight.shape) for layer in self._muon.layers}
        if self._table_adam is not None:
            shapes |= {f"tables.{name}": tuple(value.shape) for name, value in self._table_adam.state().items()}
        return shapes

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Restore what `state` returned; the tensors must have `expected_shapes`."""
        for group in self._adam.groups:
            for parameter in group.parameters:
                name = self._names[parameter]
                moments = {m: tensors[f"{m}.{name}"].clone() for m in MOMENTS}
                self._adam.state[parameter] = {
                    m: value.to(parameter.device) if m == "step" else torch.empty_like(parameter).copy_(value)
                    for m, value in moments.items()
                }
        for layer in self._muon.layers:
            value = tensors[f"{MOMENTUM}.{self._names[layer.weight]}"]
            self._muon.momenta[layer.weight] = torch.empty_like(layer.weight, requires_grad=False).copy_(value)
        if self._table_adam is not None:
            self._table_adam.load_state({name: tensors[f"tables.{name}"] for name in self._table_adam.state()})


def _muon(network: Network, config: OptimizerConfig) -> Muon:
    """Return what updates the weights of the decoder's layers; it has no layers without a decoder that has Muon."""
    modules = list(network.decoder.modules()) if config.decoder == "muon" and hasattr(network, "decoder") else []
    layers = [
        MuonLayer(module.weight, isinstance(module, EqualizedUpsample), float(getattr(module, "scale", 1.0)))
        for module in modules
        if isinstance(getattr(module, "weight", None), torch.nn.Parameter) and module.weight.requires_grad
    ]
    return Muon(layers, config.muon_rate, config.momentum)


def _in_layout_of(parameter: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
    """Return a gradient with its parameter's strides, which the fused Adam expects."""
    if gradient is None:
        return torch.zeros_like(parameter)
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter, requires_grad=False).copy_(gradient)
