"""Adaptive budget for low-rank adaptation (Zhang et al., "AdaLoRA", arXiv 2303.10512)."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from leitai.adapters.interface import StepHooks, Tensors
from leitai.adapters.lora import low_rank_update
from leitai.adapters.method import AdaLoRA
from leitai.adapters.targets import plain_linear
from leitai.models import Decoder

_DEVIATION = 0.02
_EPSILON = 1e-5  # PEFT adds it to the rank that it divides by


class AdaLoRALinear(nn.Linear):
    """A frozen linear layer plus P diag(E) Q: y = W x + b + scaling * P (E * (Q x)).

    It takes over the weight and bias of the layer it replaces. Names are those of PEFT's files.

    Attributes:
        lora_A: Q, [rank, in], float32, normal of deviation 0.02 at the start.
        lora_E: E, [rank, 1], float32, 0 at the start, so that the model starts as the base. A rank
            whose E is 0 adds nothing: it is taken away.
        lora_B: P, [out, rank], float32, as Q.
        start_rank: the rank at the start; the scaling stays that of it whatever is taken away.
        alpha: scaling is alpha / start_rank.
        dropout: probability of zeroing an input of Q while training.
        pattern: for a layer from a file without the ranks taken away: which of the start's are
            there.
    """

    additive = True

    def __init__(
        self,
        base: nn.Linear,
        rank: int,
        start_rank: int,
        alpha: float,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        nn.Module.__init__(self)  # nn.Linear's own would allocate a weight
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias = base.weight, base.bias
        self.requires_grad_(False)
        device = base.weight.device
        drawn = torch.device("meta") if device.type == "meta" else torch.device("cpu")
        shapes = ((rank, self.in_features), (rank, 1), (self.out_features, rank))
        factors = [torch.zeros(shape, device=drawn, dtype=torch.float32) for shape in shapes]
        if drawn.type != "meta":
            factors[0].normal_(0, _DEVIATION, generator=generator)
            factors[2].normal_(0, _DEVIATION, generator=generator)
        self.lora_A, self.lora_E, self.lora_B = (nn.Parameter(f.to(device)) for f in factors)
        self.start_rank, self.alpha, self.dropout = start_rank, alpha, dropout
        self.pattern: tuple[bool, ...] | None = None

    @property
    def scaling(self) -> float:
        """The factor on P diag(E) Q."""
        return self.alpha / (self.start_rank + _EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out] in the dtype of `x`."""
        if self.training and self.dropout:
            return linear(x, self.weight, self.bias) + self.update(dropout(x, self.dropout))
        flat, inner = x.reshape(-1, self.in_features), self.lora_A * self.lora_E
        out = low_rank_update(flat, self.weight, self.bias, inner, self.lora_B, self.scaling)
        return out.view(*x.shape[:-1], self.out_features)

    def update(self, x: Tensor) -> Tensor:
        """Return scaling * P (E * (Q x)), [..., out]."""
        inner = (self.lora_A * self.lora_E).to(x.dtype)
        return linear(linear(x, inner), self.lora_B.to(x.dtype)) * self.scaling

    def merged(self) -> nn.Linear:
        """Return a plain linear layer with the update added to the weight, rounded once."""
        with torch.no_grad():
            update = self.lora_B.double() @ (self.lora_A.double() * self.lora_E.double())
            self.weight.copy_(self.weight.double().add_(update, alpha=self.scaling))
        return plain_linear(self)


def adalora_layers(decoder: Decoder) -> Iterator[tuple[str, AdaLoRALinear]]:
    """Yield the adapted layers and their names, in the order of the model."""
    for name, module in decoder.named_modules():
        if isinstance(module, AdaLoRALinear):
            yield name, module


class RankAllocation(StepHooks):
    """Takes ranks away while a run goes on, as PEFT's allocator does.

    The importance of a number w is the product of two running means: of its sensitivity |w dL/dw|
    (equation 9), and of how far that strays from its mean (equation 10). That of a rank is the
    importance of its E plus the means over its row of Q and its column of P (equation 8). At an
    allocation the E of the least important ranks of all layers become 0, so many that the budget
    (equation 12) is kept. They may grow again until the next one; in the last steps none may.
    """

    def __init__(self, decoder: Decoder, spec: AdaLoRA, total: int) -> None:
        """Begin a run.

        Args:
            decoder: with the adapter put in.
            spec: the schedule.
            total: steps of the run.
        """
        self._spec, self._total = spec, total
        self._layers = dict(adalora_layers(decoder))
        self._first, self._last = int(total * spec.warmup), total - int(total * spec.settle)
        self._start = sum(layer.start_rank for layer in self._layers.values())
        self._target = spec.target_rank * len(self._layers)
        self._mean: Tensors = {}
        self._stray: Tensors = {}
        self._kept: Tensors = {}

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        for name, layer in self._layers.items():
            for part in ("lora_A", "lora_E", "lora_B"):
                yield f"{name}.{part}", getattr(layer, part)

    def penalty(self) -> Tensor | None:
        """Return the weighted mean of |P^T P - 1| and |Q Q^T - 1| over all layers (equation 4)."""
        if not self._spec.orthogonality:
            return None
        terms = []
        for layer in self._layers.values():
            identity = torch.eye(len(layer.lora_A), device=layer.lora_A.device)
            terms.append(torch.linalg.norm(layer.lora_A @ layer.lora_A.T - identity))
            terms.append(torch.linalg.norm(layer.lora_B.T @ layer.lora_B - identity))
        return self._spec.orthogonality * torch.stack(terms).mean()

    def budget(self, step: int) -> int:
        """Return how many ranks all layers together may have after a step."""
        if step <= self._first:
            return self._start
        if step >= self._last:
            return self._target
        left = 1 - (step - self._first) / (self._last - self._first)
        return int((self._start - self._target) * left**3 + self._target)

    def after_update(self, step: int) -> None:
        """Update the importance and, where the schedule says so, take ranks away."""
        with torch.no_grad():
            if step < self._last:
                self._observe()
                if step > self._first and step % self._spec.every == 0:
                    self._allocate(self.budget(step))
            elif step == self._last:
                self._allocate(self._target)
                self._mean, self._stray = {}, {}
            self._mask(step)

    def _observe(self) -> None:
        beta1, beta2 = self._spec.beta1, self._spec.beta2
        for name, parameter in self._parameters():
            assert parameter.grad is not None
            now = (parameter * parameter.grad).abs()
            mean = self._mean.get(name, torch.zeros_like(now))
            stray = self._stray.get(name, torch.zeros_like(now))
            self._mean[name] = mean = beta1 * mean + (1 - beta1) * now
            self._stray[name] = beta2 * stray + (1 - beta2) * (now - mean).abs()

    def _importance(self, name: str) -> Tensor:
        """Return the importance of a layer's ranks, [rank]."""
        q, e, p = (
            self._mean[f"{name}.{part}"] * self._stray[f"{name}.{part}"]
            for part in ("lora_A", "lora_E", "lora_B")
        )
        return e.view(-1) + torch.stack((q.mean(dim=1), p.mean(dim=0)), dim=1).sum(dim=1)

    def _allocate(self, budget: int) -> None:
        surplus = self._start - budget
        if surplus <= 0 or not self._mean:
            return
        importance = {name: self._importance(name) for name in self._layers}
        threshold = torch.kthvalue(torch.cat(list(importance.values())), surplus).values
        self._kept = {name: values > threshold for name, values in importance.items()}
        for name, layer in self._layers.items():
            layer.lora_E.masked_fill_(~self._kept[name][:, None], 0.0)

    def _mask(self, step: int) -> None:
        if step > self._last:
            for name, kept in self._kept.items():
                self._layers[name].lora_E.masked_fill_(~kept[:, None], 0.0)

    def state(self) -> Tensors:
        """Return the running means, and which ranks the last allocation kept."""
        memory = {"mean": self._mean, "stray": self._stray, "kept": self._kept}
        return {
            f"{kind}::{name}": tensor
            for kind, tensors in memory.items()
            for name, tensor in tensors.items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned."""
        for key, tensor in state.items():
            kind, _, name = key.partition("::")
            layer = self._layers[name if kind == "kept" else name.rpartition(".")[0]]
            memory = {"mean": self._mean, "stray": self._stray, "kept": self._kept}[kind]
            memory[name] = tensor.to(layer.weight.device, copy=True)
