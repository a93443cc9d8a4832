"""What may choose the best weights of a training run, beside its loss; passed to `train`."""

from types import MappingProxyType
from typing import TYPE_CHECKING

from leitai.data import Row
from leitai.evaluation.asking import Prompting, prompt_ids, question_and_answer
from leitai.evaluation.chrf import chrf
from leitai.evaluation.evaluate import by_likelihood
from leitai.evaluation.grading import exact_match

if TYPE_CHECKING:
    from leitai.inference import LanguageModel
    from leitai.training.validation import Trainee


def _model(trainee: "Trainee") -> "LanguageModel":
    """Ask the decoder in training itself: nothing is copied, and no weight changes."""
    from leitai.inference import LanguageModel

    return LanguageModel(trainee.decoder, trainee.chat.tokenizer, trainee.chat)


def _prompting(trainee: "Trainee") -> Prompting:
    return Prompting(date=trainee.date, thinking=trainee.thinking)


def _reference(row: Row) -> str:
    return str(question_and_answer(row)[1]["content"])


def write(trainee: "Trainee") -> list[str]:
    """Let the model answer the rows, greedily.

    Raises:
        LeitaiError: a row cannot be asked.
    """
    prompting = _prompting(trainee)
    prompts = [prompt_ids(trainee.chat, row, prompting) for row in trainee.rows]
    limit = trainee.max_characters
    # A token is at least a byte, so this many tokens always hold that many characters.
    texts = _model(trainee).generate(prompts, max_tokens=4 * limit, max_characters=limit)
    return [text[:limit] for text in texts]


def accuracy(trainee: "Trainee") -> float:
    """Return the share of rows whose label is the likeliest answer.

    Raises:
        LeitaiError: there are fewer than two labels, or a row cannot be asked.
    """
    records = by_likelihood(trainee.rows, trainee.labels, _model(trainee), _prompting(trainee))
    return sum(bool(record.correct) for record in records) / len(records)


def exact(trainee: "Trainee") -> float:
    """Return the share of rows that the model answers with the reference, folded as in tasks."""
    pairs = zip(write(trainee), trainee.rows, strict=True)
    return sum(exact_match(text, _reference(row)) for text, row in pairs) / len(trainee.rows)


def overlap(trainee: "Trainee") -> float:
    """Return the chrF of what the model writes, from 0 to 1."""
    return chrf(write(trainee), [_reference(row) for row in trainee.rows])


METRICS = MappingProxyType({"accuracy": accuracy, "exact_match": exact, "chrf": overlap})
"""By their names in ``adapt.validation.metric``."""
