"""AdamW (Loshchilov and Hutter, arXiv 1711.05101), Muon, and their state as named tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from leitai.base import LeitaiError
from leitai.models import Decoder
from leitai.training.spec import AdaptSpec, Muon

_SEPARATOR = "::"  # in no parameter's name
_BLOCKS = "model.layers."
_EMBEDDING = "model.embed_tokens."

Group = dict[str, Any]


class FusedAdamW(torch.optim.AdamW):
    """torch's AdamW in one call for all parameters.

    That call changes weights without a trace in their version, by which keys and values that were
    computed with older weights are known to be worthless; so the versions are raised here.
    """

    def __init__(self, groups: list[Group], rate: float, betas: tuple[float, float]) -> None:
        """As torch's, with `fused`."""
        super().__init__(groups, lr=rate, betas=betas, fused=True)

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all parameters once; a closure is not supported."""
        assert closure is None
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                torch.autograd.graph.increment_version(parameter)


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon for the matrices of the blocks, AdamW for everything else; one state, one step."""

    def __init__(self, muon: torch.optim.Optimizer, adamw: torch.optim.Optimizer | None) -> None:
        """Join the two, whose groups stay their own."""
        self.parts = [muon, *([adamw] if adamw is not None else [])]
        groups = [group for part in self.parts for group in part.param_groups]
        super().__init__([dict(group) for group in groups], {})
        self.param_groups = groups
        for part in self.parts:
            part.state = self.state

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all parameters once; a closure is not supported."""
        assert closure is None
        for part in self.parts:
            part.step()


def decayed_names(decoder: Decoder) -> set[str]:
    """Name the trained parameters that decay: the weights of linear layers, an untied head's too.

    Norms and biases do not: pulling them to 0 is no regularisation. Nor does the embedding, tied or
    not: a row whose token is not in the data gets no gradient and would only fade.
    """
    return {
        f"{name}.weight"
        for name, module in decoder.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad
    }


def rate_scale(name: str, blocks: int, decay: float | None) -> float:
    """Return what a parameter's rate is multiplied by under layer-wise decay.

    The top block, the final norm and an untied head learn at the full rate, the block k places
    below the top at decay^k, and the embedding, tied or not, one place below the lowest block
    (Howard and Ruder, arXiv 1801.06146; Zhang et al., arXiv 2006.05987).

    Args:
        name: of the parameter.
        blocks: of the decoder.
        decay: the factor a block; None leaves all rates alike.
    """
    if decay is None:
        return 1.0
    if name.startswith(_BLOCKS):
        block = int(name.removeprefix(_BLOCKS).partition(".")[0])
        return float(decay ** (blocks - 1 - block))
    return float(decay**blocks) if name.startswith(_EMBEDDING) else 1.0


def make_optimizer(decoder: Decoder, spec: AdaptSpec) -> torch.optim.Optimizer:
    """Make the optimiser of what is trained; the rate is set anew before each step.

    Raises:
        LeitaiError: this version of torch has no Muon, or there is no matrix for it.
    """
    decayed = decayed_names(decoder)
    trained = {n: p for n, p in decoder.named_parameters() if p.requires_grad}
    blocks = len(decoder.model.layers)
    muon = spec.optimizer if isinstance(spec.optimizer, Muon) else None
    groups: dict[tuple[bool, bool, float], list[nn.Parameter]] = {}
    for name in sorted(trained, key=lambda name: name not in decayed):
        parameter = trained[name]
        by_muon = muon is not None and name.startswith(_BLOCKS) and parameter.dim() == 2
        key = (by_muon, name in decayed, rate_scale(name, blocks, spec.layer_decay))
        groups.setdefault(key, []).append(parameter)
    parts: dict[bool, list[Group]] = {True: [], False: []}
    for (by_muon, decays, scale), parameters in groups.items():
        weight_decay = spec.weight_decay if decays else 0.0
        parts[by_muon].append(
            {"params": parameters, "weight_decay": weight_decay, "rate_scale": scale}
        )
    adamw = None
    if parts[False]:
        adamw = FusedAdamW(parts[False], spec.learning_rate, spec.betas)
    if muon is not None:
        return MuonWithAdamW(_make_muon(parts[True], spec.learning_rate, muon), adamw)
    assert adamw is not None  # something is trained
    return adamw


def _make_muon(groups: list[Group], rate: float, muon: Muon) -> torch.optim.Optimizer:
    make = getattr(torch.optim, "Muon", None)
    if make is None:
        raise LeitaiError(
            f"torch {torch.__version__} has no Muon",
            where="adapt.optimizer",
            remedy="pip install -U 'torch>=2.9', or use {name: adamw}",
        )
    if not groups:
        raise LeitaiError(
            "the method trains no matrix of the blocks, and Muon is for those alone",
            where="adapt.optimizer",
            remedy="use {name: adamw}",
        )
    # Moonshot's scaling gives an update AdamW's size, so that one rate suits both.
    made: torch.optim.Optimizer = make(
        groups, lr=rate, momentum=muon.momentum, adjust_lr_fn="match_rms_adamw"
    )
    return made


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups, each times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate_scale"]


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Return moments and step counts by parameter name, for a checkpoint."""
    return {
        f"{name}{_SEPARATOR}{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    like: Callable[[nn.Parameter, Tensor], Tensor],
) -> None:
    """Put back what `optimizer_tensors` returned, bit by bit; `like` as `Ranks.like`."""
    for key in tensors:
        name, _, part = key.partition(_SEPARATOR)
        state: dict[str, Any] = optimizer.state[parameters[name]]
        state[part] = like(parameters[name], tensors[key])
