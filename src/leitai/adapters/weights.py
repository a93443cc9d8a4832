"""Methods that train the base's own weights: all of them, or some."""

from fnmatch import fnmatchcase

from leitai.adapters.interface import Implementation
from leitai.adapters.method import Freeze, Full
from leitai.base import LeitaiError
from leitai.models import Decoder


class FullImplementation(Implementation[Full]):
    """Every weight is trained."""

    def put(self, decoder: Decoder, spec: Full, seed: int) -> None:
        """Make all parameters trainable."""
        decoder.requires_grad_(True)


class FreezeImplementation(Implementation[Freeze]):
    """The top blocks and the final norm are trained, or the parameters of certain names."""

    def put(self, decoder: Decoder, spec: Freeze, seed: int) -> None:
        """Make the chosen parameters trainable.

        Raises:
            LeitaiError: there are fewer blocks, or a pattern matches no parameter.
        """
        if spec.top_blocks is not None:
            blocks = decoder.model.layers
            if spec.top_blocks > len(blocks):
                raise LeitaiError(
                    f"{spec.top_blocks} blocks are to be trained, the model has {len(blocks)}",
                    where="method.top_blocks",
                    remedy=f"use at most {len(blocks)}",
                )
            for module in (*blocks[-spec.top_blocks :], decoder.model.norm):
                module.requires_grad_(True)
        parameters = dict(decoder.named_parameters())
        for pattern in spec.names:
            found = [p for name, p in parameters.items() if fnmatchcase(name, pattern)]
            if not found:
                raise LeitaiError(
                    f"'{pattern}' matches no parameter",
                    where="method.names",
                    remedy=f"use patterns such as {next(iter(parameters))}",
                )
            for parameter in found:
                parameter.requires_grad_(True)
