"""Several adapters on one base at once; each token of a pass has one of them, or none.

The base's product runs once for all tokens. A low-rank update is added to the tokens of its adapter
alone, as in S-LoRA (Sheng et al., arXiv 2311.03285); a method that changes the product itself, such
as DoRA, computes its tokens anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby
from pathlib import Path

from torch import Tensor, nn

from leitai.adapters.peft_files import adapter_kind, load_adapter
from leitai.adapters.table import adapter_on
from leitai.adapters.targets import Linear, linear_names
from leitai.base import LeitaiError
from leitai.models import Decoder
from leitai.models.quantized import put

Spans = Sequence[tuple[str, slice]]
_spans: ContextVar[Spans] = ContextVar("spans", default=())


class SwitchedLinear(nn.Module):
    """A linear layer of the base, with the layers that adapters put in its place.

    Attributes:
        base: the base's.
        own: the adapters' layers by number; they hold the base's weight too, not a copy of it.
    """

    def __init__(self, base: Linear, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.base = base
        self.own = nn.ModuleList(layers.values())
        self._number = {name: number for number, name in enumerate(layers)}

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out]; `Adapters.route` says which tokens have which adapter."""
        out: Tensor = self.base(x)
        spans = [(self._number[name], span) for name, span in _spans.get() if name in self._number]
        if not spans:
            return out
        flat, rows = x.reshape(-1, x.shape[-1]), out.view(-1, out.shape[-1])
        for number, span in spans:
            layer = self.own[number]
            if layer.additive:
                rows[span] += layer.update(flat[span])  # type: ignore[operator]
            else:
                rows[span] = layer(flat[span])
        return out


class Adapters:
    """The adapters on a decoder; see `load_adapters`.

    Attributes:
        names: how requests call them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    @contextmanager
    def route(self, parts: Sequence[tuple[str | None, int]]) -> Iterator[None]:
        """Let the decoder's passes within, in this thread, read these tokens with these adapters.

        Args:
            parts: (adapter, tokens), in the order of the pass's tokens, batch rows after each
                other; None is the base alone. What follows the last part is read with the base.
        """
        spans, place = [], 0
        for name, group in groupby(parts, key=lambda part: part[0]):
            tokens = sum(count for _, count in group)
            if name is not None:
                spans.append((name, slice(place, place + tokens)))
            place += tokens
        yield from self._within(spans)

    @contextmanager
    def only(self, name: str | None) -> Iterator[None]:
        """Let the decoder's passes within, in this thread, read everything with one adapter."""
        yield from self._within([] if name is None else [(name, slice(None))])

    def _within(self, spans: Spans) -> Iterator[None]:
        token = _spans.set(spans)
        try:
            yield
        finally:
            _spans.reset(token)

    def check(self, name: str | None, where: object) -> None:
        """Refuse a name that no adapter has.

        Raises:
            LeitaiError: names those that there are.
        """
        if name is not None and name not in self.names:
            raise LeitaiError(
                f"there is no adapter {name!r}",
                where=where,
                remedy=f"use {', '.join(self.names)}" if self.names else "load adapters by name",
            )

    def chosen(
        self, adapter: str | Sequence[str | None] | None, names: Sequence[object]
    ) -> list[str | None]:
        """Return the adapter of each request.

        Args:
            adapter: one for all, or one for each.
            names: what errors call the requests.

        Raises:
            LeitaiError: their numbers differ, or an adapter is not there.
        """
        if adapter is None or isinstance(adapter, str):
            found: list[str | None] = [adapter] * len(names)
        else:
            found = list(adapter)
        if len(found) != len(names):
            raise LeitaiError(
                f"{len(found)} adapters are named for {len(names)} requests",
                where="adapter",
                remedy="give one for all, or one for each",
            )
        for name, where in zip(found, names, strict=True):
            self.check(name, where)
        return found


def load_adapters(
    decoder: Decoder, folders: Mapping[str, Path], base_folder: Path | None = None
) -> Adapters:
    """Put several PEFT adapters beside one base, for inference.

    Args:
        decoder: a plain decoder; changed in place. Without `Adapters.route` it stays the base.
        folders: by the names that requests use.
        base_folder: as in `load_adapter`.

    Raises:
        LeitaiError: an adapter is not fit for the decoder, or acts on more than linear layers; or
            the decoder has adapters already.
    """
    if adapter_on(decoder) is not None:
        raise LeitaiError("the model already has an adapter", remedy="load the base again")
    bases = {name: decoder.get_submodule(name) for name in linear_names(decoder)}
    layers: dict[str, dict[str, nn.Module]] = {name: {} for name in bases}
    for adapter, folder in folders.items():
        if not adapter_kind(folder).switchable:
            raise LeitaiError(
                "acts on more than linear layers, so it cannot be one of several adapters",
                where=folder,
                remedy="load the model with this adapter alone",
            )
        load_adapter(decoder, folder, base_folder)
        for name, base in bases.items():
            if (layer := decoder.get_submodule(name)) is not base:
                layers[name][adapter] = layer
                put(decoder, name, base)
    for name, own in layers.items():
        base = bases[name]
        if own:
            assert isinstance(base, Linear)
            put(decoder, name, SwitchedLinear(base, own).eval())
    return Adapters(tuple(folders))
