"""Pretraining, continued or from random weights: predict every next token of plain text."""

from collections.abc import Iterable, Sequence

from torch import Tensor

from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.training.batches import Batch
from leitai.training.objectives.interface import Objective, Texts
from leitai.training.objectives.prediction import prediction_batch, prediction_loss
from leitai.training.objectives.tokens import TokenBlock, write_tokens


class Pretraining(Objective[TokenBlock, Batch]):
    """Blocks of `AdaptSpec.max_length` predictions, cut from all documents laid end to end.

    Documents never see each other: those of a block are trees of their own in its forest, and
    positions start anew with each. What of a document stands in another block is not seen either.
    The ids lie in the run folder (`tokens/`), so texts of any size need little memory; blocks are
    drawn by index, so every step can be resumed.
    """

    def examples(
        self, rows: Iterable[Row], texts: Texts, *, training: bool
    ) -> Sequence[TokenBlock]:
        """See `Objective.examples`."""
        what = "training" if training else "validation"
        path = texts.run_folder / "tokens" / f"{what}.bin"
        file = write_tokens(rows, texts, path, f"{texts.title}: {what} text")
        return file.blocks(self.spec.max_length)

    def batch(self, examples: Sequence[TokenBlock], device: str) -> Batch:
        """See `Objective.batch`."""
        rows = [row for block in examples for row in block.rows()]
        return prediction_batch(rows, self.spec, device)

    def loss(self, decoder: Decoder, batch: Batch) -> Tensor:
        """See `Objective.loss`."""
        return prediction_loss(decoder, batch, self.spec)
