"""Every kind of task asked of a scratch model, and graded by hand on answers that are given."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from leitai.base.errors import LeitaiError
from leitai.base.specfile import load_spec
from leitai.comparison.metric_words import METRICS
from leitai.comparison.spec import CompareSpec
from leitai.data import load_rows
from leitai.data.wordings import asked
from leitai.evaluation.asking import Prompting, reference_of
from leitai.evaluation.evaluate import evaluate
from leitai.evaluation.measures import MEASURES
from leitai.evaluation.records import read_records
from leitai.evaluation.respondents import Measured, Weighed, Written
from leitai.evaluation.respondents.local import Local
from leitai.evaluation.tasks import Task
from leitai.inference import LanguageModel
from leitai.training.scratch import create_scratch

EXAMPLES = Path(__file__).parents[2] / "examples"


def task(**fields):
    return TypeAdapter(Task).validate_python({"name": "t", **fields}, context={"folder": EXAMPLES})


BOOKSHOP = {
    "extractive": {"view": "passages"},
    "graph_query": {"view": "queries"},
    "translation": {"view": "translate"},
    "writing": {"view": "writing"},
    "multiple_choice": {"view": "quiz"},
    "maths": {"view": "sums"},
}


def items_of(made):
    return made.pick(load_rows(made.data, base_folder=EXAMPLES), seed=1)


class Says:
    """Writes what it is told to for every row."""

    abilities = frozenset({"write", "choose", "measure"})

    def __init__(self, say):
        self.say, self.seen = say, []

    def write(self, rows, max_characters):
        self.seen += rows
        return [Written(self.say(row)) for row in rows]

    def choose(self, rows, choices):
        self.seen += rows
        return [Weighed(tuple(self.say(text) for text in offered)) for offered in choices]

    def measure(self, rows):
        return [Measured(-1.0, 1) for _ in rows]

    def read(self, texts):
        return [Measured(-float(len(text)), len(text)) for text in texts]


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nano")
    made = task(kind="extractive", data={"set": "bookshop", **BOOKSHOP["extractive"]}, split="all")
    texts = [str(row.messages[0]["content"]) for row in items_of(made)]
    create_scratch("qwen2-nano", texts, folder / "base", vocab_size=400, seed=3)
    lm = LanguageModel.load(folder / "base")
    return Local(lm, Prompting(date="26 Jul 2024"))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "extractive", "max_characters": 6, "shots": 1},
        {"kind": "graph_query", "max_characters": 6},
        {"kind": "graph_query", "max_characters": 6, "grade": "terms"},
        {"kind": "translation", "max_characters": 6},
        {"kind": "writing", "max_characters": 6},
        {"kind": "multiple_choice", "shots": 1},
        {"kind": "multiple_choice", "by": "answers"},
        {"kind": "multiple_choice", "by": "answers_per_byte"},
        {"kind": "multiple_choice", "by": "generation", "max_characters": 3},
        {"kind": "maths", "max_characters": 6},
    ],
    ids=lambda fields: "-".join(str(v) for v in fields.values()),
)
def test_a_scratch_model_is_asked_every_kind(nano, tmp_path, fields):
    if fields.get("kind") == "translation":
        pytest.importorskip("sacrebleu")
    if fields.get("kind") == "graph_query":
        pytest.importorskip("pyoxigraph")
    made = task(data={"set": "bookshop", **BOOKSHOP[fields["kind"]]}, max_items=3, **fields)
    items = items_of(made)
    path = tmp_path / "A.jsonl"
    evaluate(made, items, (), nano, path)
    records = read_records(path)
    assert [record.id for record in records] == [row.id for row in items]
    numbers = {made.metric, *made.summaries(), *(name for r in records for name in r.measures)}
    assert numbers <= MEASURES.keys()
    assert numbers <= METRICS.keys()
    for record in records:
        assert record.slices in (("zh",), ("en",))
        assert 0 <= record.numerator <= record.denominator
        assert record.group is not None
    assert all(
        math.isnan(v) or 0 <= v <= 1 for v in (s(records) for s in made.summaries().values())
    )


@pytest.mark.parametrize("kind", [k for k in BOOKSHOP if k != "multiple_choice"])
def test_reference_answers_are_right(kind):
    if kind in ("translation", "graph_query"):
        pytest.importorskip("sacrebleu" if kind == "translation" else "pyoxigraph")
    made = task(kind=kind, data={"set": "bookshop", **BOOKSHOP[kind]}, max_items=100)
    for record in made.assess(items_of(made), (), Says(reference_of)):
        assert record.numerator == pytest.approx(record.denominator), record
        assert record.parsed


def test_abstaining_is_counted_apart():
    made = task(kind="extractive", data={"set": "bookshop", "view": "passages"}, split="all")
    records = made.assess(items_of(made), (), Says(lambda row: "答案：无法回答。"))
    counts = [record.detail["answerable"] for record in records]
    assert counts.count(False) == 20
    summaries = {name: number(records) for name, number in made.summaries().items()}
    assert summaries == {
        "answerable_f1": 0.0,
        "abstention_precision": 20 / 80,
        "abstention_recall": 1.0,
    }
    never = made.assess(items_of(made), (), Says(lambda row: "灯塔"))
    assert math.isnan(made.summaries()["abstention_precision"](never))


def test_choices_by_letters_by_words_and_per_byte():
    row = asked(
        "q",
        "?\nA. yes\nB. certainly",
        "B",
        source="here",
        language="en",
        facts={"choices": ["yes", "certainly"], "right": 1, "bare": "?"},
    )
    by_length = Says(lambda text: -float(len(text)) - 2)  # yes: -5 in 3 bytes; certainly: -11 in 9
    for by, chosen, shown in (
        ("answers", 0, "?"),
        ("answers_per_byte", 1, "?"),
        ("letters", 0, row.messages[0]["content"]),
    ):
        made = task(kind="multiple_choice", by=by, data={"set": "bookshop", "view": "quiz"})
        (record,) = made.assess([row], (), by_length)
        assert record.detail["chosen"] == chosen, by
        assert by_length.seen[-1].messages[0]["content"] == shown
    with pytest.raises(LeitaiError, match="no choices"):
        made.assess([replace(row, facts={})], (), by_length)


def test_unread_values_are_wrong_below_and_right_above():
    made = task(kind="maths", data={"set": "bookshop", "view": "sums"})
    say = {"1": "#### 5", "2": "no idea", "3": "#### 7"}
    rows = [
        asked(i, i, "5", source=i, language="en", facts={"answers": ["5"]}) for i in ("1", "2", "3")
    ]
    records = made.assess(rows, (), Says(lambda row: say[row.id]))
    assert [record.correct for record in records] == [True, False, False]
    assert [record.parsed for record in records] == [True, False, True]
    assert made.summaries()["accuracy_if_unparsed_right"](records) == pytest.approx(2 / 3)


def test_translation_into_the_wrong_script():
    pytest.importorskip("sacrebleu")
    made = task(kind="translation", data={"set": "bookshop", "view": "translate"}, max_items=20)
    items = items_of(made)
    records = made.assess(items, (), Says(lambda row: row.facts["text"]))
    assert all(record.measures["untranslated"] == 1 for record in records)


def test_shots_are_the_same_for_all_items_of_a_language_and_are_not_asked():
    data = {"set": "bookshop", "view": "passages"}
    made = task(kind="extractive", data=data, shots=2, shots_from="test", split="test")
    items = items_of(made)
    bare = task(kind="extractive", data=data, split="test")
    assert len(items) == len(items_of(bare)) - 4
    shown = {row.language: row.messages[:4] for row in items}
    assert all(row.messages[:4] == shown[row.language] for row in items)
    assert all(len(row.messages) == 6 for row in items)
    assert shown["zh"] != shown["en"]
    with pytest.raises(LeitaiError, match="where shots is 60"):
        items_of(task(kind="extractive", data=data, shots=60))


def test_a_graph_that_is_not_at_hand():
    made = task(kind="graph_query", data={"set": "qald10"})
    row = asked("1", "?", "ASK {}", source="qald10, line 1", language="en")
    with pytest.raises(LeitaiError, match="set grade: terms"):
        made.assess([row], (), Says(reference_of))


def test_the_examples_of_ones_own_tasks():
    spec = load_spec(EXAMPLES / "own.yaml", CompareSpec)
    trivia, polite = spec.tasks
    items = items_of(trivia)
    assert {row.language for row in items} == {"zh", "en"}
    assert {row.messages[0]["content"][:5] for row in items} == {"请用几个字", "Answe"}
    known = {"曹雪芹": 1.0, "JANE AUSTEN!": 1.0}
    say = {"《红楼梦》": "曹雪芹", "Pride": "JANE AUSTEN!"}
    records = trivia.assess(
        items,
        (),
        Says(lambda row: next((v for k, v in say.items() if k in str(row.messages)), "?")),
    )
    assert sum(record.numerator for record in records) == sum(known.values())

    assert polite.metric == "accuracy"
    assert polite.needs == {"write"}
    items = items_of(polite)
    records = polite.assess(items, (), Says(lambda row: "您好" if row.language == "zh" else "No"))
    assert [record.correct for record in records] == [row.language == "zh" for row in items]


def test_mistakes_in_a_python_task(tmp_path):
    fields = {"kind": "python", "class": "Mine", "data": {"set": "bookshop"}}

    def made(text, **more):
        (tmp_path / "mine.py").write_text(text)
        whole = {"name": "t", **fields, "file": "mine.py", **more}
        return TypeAdapter(Task).validate_python(whole, context={"folder": tmp_path})

    with pytest.raises(ValueError, match="no file"):
        task(**fields, file="missing.py")
    with pytest.raises(ValueError, match="not the file"):
        made("", sha256="0" * 64)
    with pytest.raises(LeitaiError, match="running it fails: ZeroDivisionError"):
        made("1 / 0").needs  # noqa: B018
    with pytest.raises(LeitaiError, match="no complete subclass"):
        made("Mine = int").needs  # noqa: B018
    own = (EXAMPLES / "own" / "polite.py").read_text("utf-8")
    with pytest.raises(LeitaiError, match="unknown metric"):
        made(own.replace('"accuracy"', '"charm"'), **{"class": "Polite"}).metric  # noqa: B018
    with pytest.raises(LeitaiError, match="refuses its fields"):
        made(own, **{"class": "Polite", "options": {"colour": 1}}).needs  # noqa: B018


def test_texts_without_a_question_are_measured_and_pass_the_audit(nano):
    from leitai.comparison.audit import LocalView, Material, Side, audit, refuse_unfair
    from leitai.data.rows import Row

    made = task(kind="bits_per_byte", over="text", data={"set": "lm_text_zh"})
    texts = ["文章一二三。", "Another text."]
    rows = [
        Row(t, ({"role": "assistant", "content": t},), "here", language="zh", group=t)
        for t in texts
    ]
    records = made.assess(rows, (), Says(reference_of))
    assert [r.denominator for r in records] == [len(t.encode()) for t in texts]
    assert [r.numerator for r in records] == [len(t) / math.log(2) for t in texts]

    lm = nano._lm
    view = LocalView("qwen2", lm.tokenizer, lm.chat_format, 1000, 1, 1)
    side = Side("A", "x", Prompting(), view)
    spec = CompareSpec.model_validate(
        {
            "name": "x",
            "contenders": [{"model": "a"}, {"model": "b"}],
            "tasks": [made.model_dump(exclude_defaults=True)],
        }
    )
    refuse_unfair(audit((side, side), Material(spec, [], {"t": rows}, {"t": ()})))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return []", "expected a list of 2 records"),
        ("return [None for _ in items]", "expected a list of 2 records"),
    ],
)
def test_a_python_task_that_fails_is_named(tmp_path, body, message):
    text = (EXAMPLES / "own" / "polite.py").read_text("utf-8")
    text += (
        f"\n\ndef broken(self, items, labels, respondent):\n    {body}\n\nPolite.assess = broken\n"
    )
    (tmp_path / "mine.py").write_text(text, "utf-8")
    fields = {"kind": "python", "class": "Polite", "data": {"set": "bookshop"}, "file": "mine.py"}
    made = TypeAdapter(Task).validate_python({"name": "t", **fields}, context={"folder": tmp_path})
    rows = [asked(str(n), "?", "!", source=f"x, line {n}", language="en") for n in (1, 2)]
    with pytest.raises(LeitaiError, match=message) as caught:
        made.assess(rows, (), Says(reference_of))
    assert "Polite.assess" in str(caught.value)
