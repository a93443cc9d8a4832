"""Customer service, recommendation and dialogue: records by hand, and asked of a checkpoint."""

import math
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from leitai.base.errors import LeitaiError
from leitai.data import DataSource, labels_of, load_rows
from leitai.data.bookshop import rows
from leitai.evaluation import MEASURES, Task, read_records
from leitai.evaluation.asking import Prompting, reference_of
from leitai.evaluation.evaluate import evaluate
from leitai.evaluation.respondents import Weighed, Written
from leitai.evaluation.respondents.local import Local
from leitai.inference import LanguageModel
from leitai.training.scratch import create_scratch

TASK = TypeAdapter(Task)


def task(kind, view, **fields):
    data = {"set": "bookshop", "view": view}
    return TASK.validate_python({"name": kind, "kind": kind, "data": data, **fields})


def test_items(view, count=6):
    return [row for row in rows(view) if row.split == "test"][:count]


test_items.__test__ = False


class Scripted:
    """Writes and weighs as it is told; sees every row that it is asked."""

    abilities = frozenset({"write", "choose"})

    def __init__(self, write=None, weigh=None):
        self._write, self._weigh, self.asked = write, weigh, []

    def write(self, asked, max_characters):
        self.asked += asked
        return [Written(self._write(row)[:max_characters]) for row in asked]

    def choose(self, asked, choices):
        self.asked += asked
        return [
            Weighed(tuple(self._weigh(row, title) for title in offered))
            for row, offered in zip(asked, choices, strict=True)
        ]


def summary(kind, records, name):
    return kind.summaries()[name](records)


def test_handing_over_everything_is_over_escalation():
    asked = task("handoff", "handoff", split="all")
    items = rows("handoff")
    always = Scripted(weigh=lambda row, label: float(label == row.facts["labels"][0]))
    records = asked.assess(items, (), always)
    needed = sum(row.facts["needs_person"] for row in items) / len(items)
    assert summary(asked, records, "handoff_recall") == 1.0
    assert summary(asked, records, "over_escalation") == 1.0
    assert summary(asked, records, "handoff_precision") == pytest.approx(needed)
    assert sum(r.numerator for r in records) / len(records) == pytest.approx(needed)
    assert {r.slices for r in records} == {("zh",), ("en",)}
    assert all(r.group == r.id.rsplit("-", 1)[0] for r in records)


def test_a_label_is_read_from_the_first_line_and_the_reason_from_the_second():
    asked = task("handoff", "handoff_reasons", grade="generation")
    items = test_items("handoff_reasons", 68)
    perfect = asked.assess(items, (), Scripted(write=reference_of))
    assert all(r.correct and r.parsed and r.measures["rouge_l"] == 1.0 for r in perfect)
    assert summary(asked, perfect, "over_escalation") == 0.0
    assert summary(asked, perfect, "handoff_precision") == 1.0
    silent = asked.assess(items, (), Scripted(write=lambda row: "?"))
    assert not any(r.parsed or r.correct for r in silent)
    assert summary(asked, silent, "handoff_recall") == 0.0
    assert math.isnan(summary(asked, silent, "handoff_precision"))
    with pytest.raises(LeitaiError, match="whether a person is needed"):
        asked.assess(test_items("replies", 1), (), Scripted(write=reference_of))


def test_a_reply_is_compared_and_an_empty_one_not_parsed():
    asked = task("reply", "replies")
    items = test_items("replies")
    perfect = asked.assess(items, (), Scripted(write=reference_of))
    assert all(r.numerator == pytest.approx(1) and r.measures["rouge_l"] == 1 for r in perfect)
    empty = asked.assess(items, (), Scripted(write=lambda row: " "))
    assert not any(r.parsed or r.numerator for r in empty)
    assert asked.needs == {"write"}
    assert not asked.summaries()
    assert task("reply", "replies", bits=True).needs == {"write", "measure"}


def test_the_true_next_turn_never_contradicts_and_another_value_does():
    asked = task("dialogue", "dialogues", split="all")
    items = rows("dialogues")
    perfect = asked.assess(items, (), Scripted(write=reference_of))
    assert not any(r.measures["contradictions"] for r in perfect)
    settled = [row for row in items if row.facts["rivals"]]
    assert len(settled) > 60

    def wrong(row):
        return next(iter(row.facts["rivals"].values()))[0]

    records = asked.assess(settled, (), Scripted(write=wrong))
    assert all(r.measures["contradictions"] == 1.0 for r in records)

    def again(row):
        earlier = [m["content"] for m in row.messages[:-1] if m["role"] == "assistant"]
        return earlier[0] if earlier else "?"

    records = asked.assess(items, (), Scripted(write=again))
    first = [len(row.messages) == 3 for row in items]
    assert [r.measures["repeated_turn"] for r in records] == [0.0 if f else 1.0 for f in first]
    assert {r.group for r in records} == {f"dialogue-{n:02d}" for n in range(1, 21)}


def test_the_whole_catalogue_is_ranked_without_what_was_bought():
    asked = task("recommendation", "recommendation")
    items = test_items("recommendation", 3)
    found = Scripted(weigh=lambda row, title: -len(title) + (title == reference_of(row)) * 0.5)
    for row, record in zip(items, asked.assess(items, (), found), strict=True):
        right = reference_of(row)
        others = {t for t in row.facts["candidates"] if t not in row.facts["history"]} - {right}
        rank = 1 + sum(len(title) < len(right) for title in others)
        assert record.detail == {"rank": rank, "candidates": len(others) + 1}
        assert record.numerator == pytest.approx(1 / math.log2(rank + 1) if rank <= 10 else 0)
        assert record.measures["mrr"] == 1 / rank
    assert asked.metric == "ndcg@10"


def test_sampled_candidates_are_reported_as_such():
    asked = task("recommendation", "recommendation", sampled=20)
    items = test_items("recommendation", 3)
    records = asked.assess(items, (), Scripted(weigh=lambda row, title: 0.0))
    assert asked.metric == "sampled_ndcg@10"
    assert all(r.detail["candidates"] == 21 and r.detail["rank"] == 21 for r in records)
    assert all(name.startswith("sampled_") for r in records for name in r.measures)
    with pytest.raises(ValidationError, match="sampled and calibrated go with"):
        task("recommendation", "recommendation", sampled=20, grade="generation")


def test_calibration_takes_out_what_holds_without_a_history():
    asked = task("recommendation", "recommendation", calibrated=True)
    items = test_items("recommendation", 4)

    def weigh(row, title):
        # short titles are likely by themselves; the history adds a little for the right one
        known = row.facts["history"][0] in row.messages[-2]["content"]
        return -10.0 * len(title) + known * (title == reference_of(row))

    found = Scripted(weigh=weigh)
    assert all(r.detail["rank"] == 1 for r in asked.assess(items, (), found))
    assert len(found.asked) == 5  # the four, and the question without a history once
    plain = task("recommendation", "recommendation").assess(items, (), found)
    assert any(r.detail["rank"] > 1 for r in plain)


def test_a_title_that_no_catalogue_has_is_invented():
    asked = task("recommendation", "recommendation", grade="generation")
    items = test_items("recommendation", 4)
    answers = {
        items[0].id: f"《{reference_of(items[0])}》",
        items[1].id: f"推荐您读{reference_of(items[1])}。",
        items[2].id: "一本不存在的书",
        items[3].id: items[3].facts["candidates"][0],
    }
    records = asked.assess(items, (), Scripted(write=lambda row: answers[row.id]))
    assert [r.correct for r in records] == [True, True, False, False]
    assert [r.measures["invented_titles"] for r in records] == [0, 0, 1, 0]
    assert [r.parsed for r in records] == [True, True, False, True]
    assert asked.metric == "hit_rate@1"


def test_the_order_of_a_list_is_shuffled_and_its_bias_found():
    asked = task("listed_recommendation", "recommendation_listed", orders=5)
    items = test_items("recommendation_listed", 30)
    content = Scripted(weigh=lambda row, title: float(title == reference_of(row)))
    records = asked.assess(items, (), content)
    assert all(r.numerator == 1 and r.measures["order_agreement"] == 1 for r in records)
    assert summary(asked, records, "position_bias") < 0.1
    first = {row.id: [r for r in content.asked if r.id == row.id] for row in items}
    assert all(len({r.messages[-2]["content"] for r in asked_}) == 5 for asked_ in first.values())

    def place(row, title):
        return -row.messages[-2]["content"].rindex(f"- {title}")

    records = asked.assess(items, (), Scripted(weigh=place))
    assert summary(asked, records, "position_bias") == pytest.approx(math.sqrt(3 / 11))
    by_writing = asked.model_copy(update={"grade": "generation"})
    written = by_writing.assess(items, (), Scripted(write=reference_of))
    assert all(r.numerator == 1 for r in written)


def test_a_reason_is_faithful_when_what_it_names_matters():
    asked = task("explained_recommendation", "recommendation_reasons")
    items = test_items("recommendation_reasons", 8)

    def weigh(row, title):
        # the title hangs on the cited book, and on nothing else
        cited = next(b for b in row.facts["history"] if b in reference_of(row).split("\n")[1])
        shown = f"- {cited}\n" in row.messages[-2]["content"] + "\n"
        return float(title == reference_of(row).split("\n")[0]) * (1 if shown else -1)

    records = asked.assess(items, (), Scripted(write=reference_of, weigh=weigh))
    assert all(r.correct and r.measures["reason_in_history"] == 1 for r in records)
    assert summary(asked, records, "reason_faithful") == 1.0
    unmoved = Scripted(write=reference_of, weigh=lambda row, title: float(len(title)))
    assert summary(asked, asked.assess(items, (), unmoved), "reason_faithful") == 0.5
    by_writing = asked.model_copy(update={"faithfulness": False})
    assert by_writing.needs == {"write"}
    assert not by_writing.summaries()
    assert all(r.correct for r in by_writing.assess(items, (), Scripted(write=reference_of)))
    silent = asked.assess(items, (), Scripted(write=lambda row: "没有这本书\n因为好看"))
    assert all(r.measures == {"invented_titles": 1.0, "reason_in_history": 0.0} for r in silent)
    assert math.isnan(summary(asked, silent, "reason_faithful"))


def test_out_of_scope_is_told_apart():
    asked = task("classification", "intents", out_of_scope="out_of_scope")
    items = test_items("intents", 2000)
    labels = labels_of(asked.data, items, base_folder=Path())
    never = Scripted(weigh=lambda row, label: float(label == row.label != "out_of_scope"))
    records = asked.assess(items, labels, never)
    assert summary(asked, records, "in_scope_accuracy") == 1.0
    assert summary(asked, records, "out_of_scope_recall") == 0.0
    assert 0.9 < summary(asked, records, "macro_f1") < 1.0


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qwen")
    texts = [str(m["content"]) for row in rows("dialogues")[:40] for m in row.messages]
    create_scratch("qwen3-nano", texts, folder / "base", vocab_size=400, seed=3)
    return LanguageModel.load(folder / "base")


@pytest.mark.parametrize(
    ("kind", "view", "fields"),
    [
        ("handoff", "handoff", {}),
        ("handoff", "handoff_reasons", {"grade": "generation"}),
        ("reply", "replies", {"bits": True, "max_characters": 30}),
        ("dialogue", "dialogues", {"bits": True, "max_characters": 30}),
        ("recommendation", "recommendation", {}),
        ("recommendation", "recommendation", {"sampled": 3, "calibrated": True}),
        ("recommendation", "recommendation", {"grade": "generation"}),
        ("listed_recommendation", "recommendation_listed", {"orders": 2}),
        ("listed_recommendation", "recommendation_listed", {"orders": 2, "grade": "generation"}),
        ("explained_recommendation", "recommendation_reasons", {}),
    ],
)
def test_a_checkpoint_can_be_asked(lm, tmp_path, kind, view, fields):
    asked = task(kind, view, **fields)
    items = test_items(view, 2)
    evaluate(asked, items, (), Local(lm, Prompting()), tmp_path / "scores.jsonl")
    records = read_records(tmp_path / "scores.jsonl")
    assert [r.id for r in records] == [row.id for row in items]
    assert all(0 <= r.numerator <= 1 and r.denominator == 1 for r in records)
    named = {asked.metric, *asked.summaries(), *(n for r in records for n in r.measures)}
    assert named <= MEASURES.keys()
    for name, number in asked.summaries().items():
        assert math.isnan(number(records)) or number(records) >= 0, name


@pytest.mark.parametrize("template", [0, 1])
@pytest.mark.parametrize(
    "view",
    [
        "handoff",
        "handoff_reasons",
        "dialogues",
        "recommendation",
        "recommendation_listed",
        "recommendation_reasons",
    ],
)
def test_templates_change_the_question_alone(view, template):
    source = DataSource(set="bookshop", view=view, template=template)
    found, first = load_rows(source, base_folder=Path()), rows(view)
    assert [reference_of(row) for row in found] == [reference_of(row) for row in first]
    same = [a.messages[0] == b.messages[0] for a, b in zip(found, first, strict=True)]
    assert all(same) if template == 0 else not any(same)
    with pytest.raises(LeitaiError, match="no template 9"):
        rows(view, 9)
