"""An adapter added to its base's weights, checked on the logits."""

import torch
from torch import Tensor

from leitai.adapters.table import adapter_on
from leitai.base import LeitaiError
from leitai.models import Decoder

MERGE_TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""How far merging may move the logits, as norm of the change by norm of the logits.

It is the rounding of the dtype carried through the blocks; a wrong merge is off by orders more.
"""


def _probe(decoder: Decoder) -> Tensor:
    """Logits [2, 16, V] of fixed random tokens, float32."""
    generator = torch.Generator().manual_seed(20_240_726)
    ids = torch.randint(decoder.config.vocab_size, (2, 16), generator=generator)
    with torch.no_grad():
        return decoder.logits(decoder(ids.to(decoder.device))).float()


def merge(decoder: Decoder) -> None:
    """Add the adapter's update to the weights, in place, and check that the logits did not change.

    A tied head stays tied: adapters sit on layers of the blocks alone.

    Raises:
        LeitaiError: there is no adapter, its method cannot be merged, or the merged logits are not
            those of base plus adapter (a base in half precision may be too coarse for the update);
            the decoder's weights are then merged but not to be used.
    """
    adapter = adapter_on(decoder)
    if adapter is None:
        raise LeitaiError("there is no adapter to merge", remedy="load an adapter first")
    was_training = decoder.training
    decoder.eval()
    before = _probe(decoder)
    adapter.merge(decoder)
    after = _probe(decoder)
    decoder.train(was_training)
    error = ((after - before).norm() / before.norm().clamp_min(1e-12)).item()
    if not error <= MERGE_TOLERANCE[decoder.dtype]:
        raise LeitaiError(
            f"merging would change the logits by {error:.1e} of their norm "
            f"(at most {MERGE_TOLERANCE[decoder.dtype]:.0e} is allowed in {decoder.dtype})",
            remedy="merge in float32, or keep the adapter beside its base",
        )
