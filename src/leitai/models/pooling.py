"""One vector a text: the mean of its tokens' last hidden states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from leitai.forest import ForestScope, plant
from leitai.models.decoder import Decoder


@dataclass(frozen=True, slots=True)
class PackedTexts:
    """Texts side by side in one row, without padding.

    Attributes:
        ids: [1, N].
        scope: what attends to what.
        places: of the tokens that count, [M].
        owner: the text that each of them belongs to, [M].
        texts: how many texts, S.
    """

    ids: Tensor
    scope: ForestScope
    places: Tensor
    owner: Tensor
    texts: int

    def embed(self, decoder: Decoder) -> Tensor:
        """Return the mean hidden states after the final norm, at length 1: [S, hidden], float32."""
        hidden: Tensor = decoder(self.ids, scope=self.scope, places=self.places)
        states = hidden[0].float()
        total = states.new_zeros(self.texts, states.shape[-1]).index_add(0, self.owner, states)
        # the mean's denominator falls out of the normalisation
        return normalize(total, dim=-1)


def pack_texts(
    sequences: Sequence[NDArray[np.int64]],
    device: torch.device | str,
    *,
    bidirectional: bool,
    bos_id: int | None,
) -> PackedTexts:
    """Lay texts side by side.

    Args:
        sequences: token ids, none empty.
        device: where the pass runs.
        bidirectional: whether every token sees its whole text, as in an encoder.
        bos_id: a token that takes part but does not count where it begins a text, for it is the
            same in all of them.
    """
    forest = plant(sequences, share=False)
    places, owner = [], []
    for number, ids in enumerate(sequences):
        skip = int(ids[0] == bos_id and len(ids) > 1)
        places.append(forest.places(number)[skip:])
        owner.append(np.full(len(ids) - skip, number))
    return PackedTexts(
        ids=torch.from_numpy(forest.ids)[None].to(device),
        scope=ForestScope(forest, causal=not bidirectional),
        places=torch.from_numpy(np.concatenate(places)).to(device),
        owner=torch.from_numpy(np.concatenate(owner)).to(device),
        texts=len(sequences),
    )
