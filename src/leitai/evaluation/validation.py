"""What may choose the best weights of a training run, beside its loss; passed to `train`."""

from types import MappingProxyType
from typing import TYPE_CHECKING

from leitai.evaluation.asking import Prompting, reference_of
from leitai.evaluation.grading import exact_match
from leitai.evaluation.metrics.chrf import chrf
from leitai.evaluation.respondents.local import Local
from leitai.evaluation.tasks.classification import by_likelihood

if TYPE_CHECKING:
    from leitai.training.validation import Trainee


def _respondent(trainee: "Trainee") -> Local:
    """Ask the decoder in training itself: nothing is copied, and no weight changes."""
    from leitai.inference import LanguageModel

    lm = LanguageModel(trainee.decoder, trainee.chat.tokenizer, trainee.chat)
    return Local(lm, Prompting(date=trainee.date, thinking=trainee.thinking))


def write(trainee: "Trainee") -> list[str]:
    """Let the model answer the rows, greedily.

    Raises:
        LeitaiError: a row cannot be asked.
    """
    answers = _respondent(trainee).write(trainee.rows, trainee.max_characters)
    return [answer.text for answer in answers]


def accuracy(trainee: "Trainee") -> float:
    """Return the share of rows whose label is the likeliest answer.

    Raises:
        LeitaiError: there are fewer than two labels, or a row cannot be asked.
    """
    records = by_likelihood(trainee.rows, trainee.labels, _respondent(trainee))
    return sum(bool(record.correct) for record in records) / len(records)


def exact(trainee: "Trainee") -> float:
    """Return the share of rows that the model answers with the reference, folded as in tasks."""
    pairs = zip(write(trainee), trainee.rows, strict=True)
    return sum(exact_match(text, reference_of(row)) for text, row in pairs) / len(trainee.rows)


def overlap(trainee: "Trainee") -> float:
    """Return the chrF of what the model writes, from 0 to 1."""
    return chrf(write(trainee), [reference_of(row) for row in trainee.rows])


METRICS = MappingProxyType({"accuracy": accuracy, "exact_match": exact, "chrf": overlap})
"""By their names in ``adapt.validation.metric``."""
