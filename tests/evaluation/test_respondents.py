"""A checkpoint asked through the one protocol: it answers as the model itself does."""

from dataclasses import replace

import pytest

from leitai.base.errors import LeitaiError
from leitai.data import DataSource
from leitai.data.bookshop import intents, rows
from leitai.evaluation import ExactMatch, Written, read_records
from leitai.evaluation.asking import Prompting, answer_ids, prompt_ids, reference_of
from leitai.evaluation.evaluate import evaluate
from leitai.evaluation.respondents import refuse_unable
from leitai.evaluation.respondents.local import Local
from leitai.evaluation.tasks import Classification
from leitai.inference import LanguageModel
from leitai.training.scratch import create_scratch

ARM = Prompting(date="26 Jul 2024")


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    texts = [reference_of(row) for row in rows("replies")[:200]]
    create_scratch("llama3-nano", texts, folder / "base", vocab_size=400, seed=3)
    return LanguageModel.load(folder / "base")


ITEMS = [row for row in rows("intents") if row.split == "test"][:3]
LABELS = tuple(intent.id for intent in intents())[:5]


def test_choices_are_weighed_as_one_by_one(lm):
    own = [LABELS, LABELS[:2], tuple(reversed(LABELS))]
    found = Local(lm, ARM).choose(ITEMS, own)
    for row, choices, weighed in zip(ITEMS, own, found, strict=True):
        prompt = prompt_ids(lm.chat_format, row, ARM)
        assert weighed.prompt_tokens == len(prompt)
        for choice, logprob in zip(choices, weighed.logprobs, strict=True):
            ids = answer_ids(lm.chat_format, row, ARM, [choice])[0]
            assert logprob == pytest.approx(lm.score_ids([(prompt, ids)])[0].logprob, abs=1e-4)


def test_a_text_is_measured_with_its_end_of_turn(lm):
    (measured,) = Local(lm, ARM).measure(ITEMS[:1])
    ids = answer_ids(lm.chat_format, ITEMS[0], ARM, [reference_of(ITEMS[0])])[0]
    assert measured.tokens == len(ids)
    assert ids[-1] in lm.chat_format.stop_ids


def test_an_answer_is_cut_at_characters_and_its_thought_parted_off(lm, monkeypatch):
    plain = Local(lm, ARM).write(ITEMS, 7)
    assert all(len(answer.text) <= 7 for answer in plain)
    written = iter(["<think>\nhm</think>\n\nyes", "<think> for ever"])

    def complete(prompts, **options):
        return [
            replace(lm.complete([prompt], max_tokens=1)[0], text=next(written), finish="stop")
            for prompt in prompts
        ]

    thinking = Local(_Speaks(lm, complete), replace(ARM, thinking=True))
    closed, endless = thinking.write(ITEMS[:2], 100)
    assert (closed.text, closed.reasoning, closed.finish) == ("yes", "hm", "stop")
    assert (endless.text, endless.finish) == ("", "length")


class _Speaks:
    """A model whose words are given, with everything else its own."""

    def __init__(self, lm, complete):
        self.chat_format, self.complete = lm.chat_format, complete


def test_a_task_says_what_it_needs():
    class Writer:
        abilities = frozenset({"write"})

    chooses = Classification(name="t", kind="classification", data=DataSource(set="bookshop"))
    with pytest.raises(LeitaiError, match="cannot choose"):
        refuse_unable(Writer(), chooses.needs, "t")
    refuse_unable(Writer(), chooses.model_copy(update={"grade": "generation"}).needs, "t")


class Thinks:
    """Answers with given words; the second item's reasoning never ends."""

    abilities = frozenset({"write"})

    def write(self, rows, max_characters):
        told = [Written("yes", "hm", tokens=3, prompt_tokens=9), Written("", "er", "length")]
        return [told[int(row.id[-1])] for row in rows]


def test_records_hold_what_the_answers_took(tmp_path):
    items = [replace(row, id=f"item-{i}") for i, row in enumerate(ITEMS[:2])]
    task = ExactMatch(name="t", kind="exact_match", data=DataSource(set="bookshop"))
    evaluate(task, items, (), Thinks(), tmp_path / "A.jsonl")
    first, second = read_records(tmp_path / "A.jsonl")
    assert first.detail == {"reasoning": "hm", "prompt_tokens": 9, "written_tokens": 3}
    assert second.detail == {"reasoning": "er", "cut": 1}
    assert not second.parsed
