"""report.html: self-contained, safe with hostile text, small, complete in both languages."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from duel_example import example
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.comparison.metric_words import metric_of
from leitai.comparison.report import LearningCurve, TaskItems, write_report
from leitai.comparison.report.items import pack, safe_json
from leitai.comparison.report.page import render_page

HOSTILE = (
    "</script><script>alert(1)</script><!--<script> ]]> <img src=x onerror=alert(2)> "
    "\u2028\u2029\x00\x1b \ud800 &lt; \"' {{ 7 * 7 }} \u202eevil"
)

VOID = {"meta", "input", "br", "img", "link", "base"}


class Page(HTMLParser):
    """Collects elements, texts and the open ones' stack; refuses what does not nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.stack, self.texts, self.scripts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.scripts.append((tag, dict(attributes), []))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.stack.pop()[0] == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1][0] in ("script", "style"):
            self.scripts[-1][2].append(data)
        else:
            classes = [a.get("class") or "" for _, a in self.stack]
            self.texts.append((data, classes))

    def shown(self, language):
        hidden = {"en": "zh", "zh": "en"}[language]
        return "".join(text for text, classes in self.texts if hidden not in classes)

    def payload(self, name):
        found = [s for s in self.scripts if s[1].get("id") == name]
        return json.loads("".join(found[0][2]))


@pytest.fixture(scope="module")
def data():
    return example()


@pytest.fixture(scope="module")
def html(data):
    return render_page(data)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def hostile(data):
    """The same data with every free text replaced by one that tries to break out."""

    def poison(item):
        bad = {"answer": HOSTILE}
        return item.model_copy(
            update={
                "id": HOSTILE + item.id,
                "slices": (HOSTILE,),
                "input": HOSTILE,
                "expected": HOSTILE,
                "answers": {k: a.model_copy(update=bad) for k, a in item.answers.items()},
            }
        )

    verdict = json.loads(json.dumps(data.verdict))
    verdict["name"] = HOSTILE
    verdict["overall"]["reason"] = {"en": HOSTILE, "zh": HOSTILE + "。"}
    for task in verdict["tasks"]:
        task["task"] += HOSTILE
        for row in task["slices"][1:]:
            row["slice"] = HOSTILE
    return data.model_copy(
        update={
            "verdict": verdict,
            "contenders": {
                side: c.model_copy(
                    update={"name": HOSTILE, "model": HOSTILE, "family": HOSTILE, "method": HOSTILE}
                )
                for side, c in data.contenders.items()
            },
            "tasks": tuple(
                TaskItems(task=t.task + HOSTILE, items=tuple(poison(i) for i in t.items[:40]))
                for t in data.tasks
            ),
            "audit": tuple(f.model_copy(update={"values": (HOSTILE, HOSTILE)}) for f in data.audit),
            "manifest": {HOSTILE: {HOSTILE: HOSTILE}, "spec": {"a": [HOSTILE]}},
        }
    )


def test_nothing_is_loaded_from_anywhere(html, page):
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "image")
        assert "src" not in attributes
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "xlink:href", "action"):
            assert attributes.get(name, "#").startswith("#")
    assert not re.findall(r"url\(|@import|https?://|//\w+\.\w+/", html)


def test_only_its_own_scripts_may_run(page):
    policy = next(
        a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    code = [s for s in page.scripts if s[1].get("type") != "application/json"]
    assert [kind for kind, _, _ in code] == ["script", "style", "script"]
    for _, _, parts in code:
        digest = hashlib.sha256("".join(parts).encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_hostile_text_stays_text(data, tmp_path):
    write_report(tmp_path, hostile(data))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page, clean = Page(text), Page(render_page(data))
    kinds = [sum(tag == kind for tag, _ in page.elements) for kind in ("script", "img", "style")]
    assert kinds == [4, 0, 1]
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in clean.elements}
    assert "<img src=x onerror=alert(2)>" in page.shown("en")
    assert "{{ 7 * 7 }}" in page.shown("en")
    for raw in ("<script>alert", "<img", "<!--"):
        assert raw not in text
    row = page.payload("items")[0]["rows"][0]
    assert row[2] == row[4] == HOSTILE.replace("\ud800", "?")
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<(script|img)", markdown)


@settings(deadline=None)
@given(st.text())
def test_embedded_json_is_the_same_and_cannot_end_its_element(text):
    encoded = safe_json([text])
    assert json.loads(encoded) == [text]
    assert not set(encoded) & set("<>&\u2028\u2029")


def test_small_with_three_thousand_items(data):
    large = example(1_500)
    assert sum(len(task.items) for task in large.tasks) == 3_000
    assert len(render_page(large).encode()) < 3_000_000
    packed = pack(large.tasks, large.verdict)
    assert (packed.kept, packed.length) == (3_000, None)

    longer = [
        task.model_copy(
            update={
                "items": tuple(
                    i.model_copy(update={"input": i.input * 100, "expected": i.input * 100})
                    for i in task.items
                )
            }
        )
        for task in large.tasks
    ]
    stuffed = large.model_copy(update={"tasks": tuple(longer)})
    html = render_page(stuffed)
    assert len(html.encode()) < 3_000_000
    assert "are cut here" in html


def test_disagreements_are_kept_when_there_is_no_room_for_all(data):
    packed = pack(data.tasks, data.verdict, budget=30_000)
    assert packed.kept < packed.count == 1_000
    assert len(packed.json.encode()) < 32_000
    graded = json.loads(packed.json)[0]["rows"]
    assert {(row[5], row[9]) for row in graded} == {(1, 0), (0, 1)}
    wanted = [i.id for i in data.tasks[0].items if i.answers["A"].correct != i.answers["B"].correct]
    assert [row[0] for row in graded] == wanted[: len(graded)]


def test_the_page_shows_the_verdicts_numbers(data, page, html):
    numbers = {a["value"] for tag, a in page.elements if tag == "data"}
    english = page.shown("en")
    for task in data.verdict["tasks"]:
        unit = metric_of(task["metric"]).unit
        for row in task["slices"]:
            for side in ("A", "B"):
                for key in ("value", "low", "high"):
                    assert str(row["scores"][side][key]) in numbers
                    assert unit.value(row["scores"][side][key]) in english
            pair = row["pairs"]["A-B"]
            for key in ("value", "low", "high"):
                assert str(pair["difference"][key]) in numbers
                assert unit.difference(pair["difference"][key], True) in english
            assert str(pair["p"]) in numbers
            if pair["a_only"] is not None:
                assert {str(pair["a_only"]), str(pair["b_only"])} <= numbers
            if pair["more_items"]:
                assert f"about {pair['more_items']:,} more items" in english
    assert english.replace("\u00a0", " ").count(data.verdict["overall"]["reason"]["en"]) == 2
    assert data.verdict["overall"]["certainty"]["zh"] in page.shown("zh")


def test_items_carry_answers_and_scores(data, page):
    tasks = page.payload("items")
    assert [(t["task"], t["graded"], t["higher"]) for t in tasks] == [
        ("intents", True, True),
        ("replies", False, False),
    ]
    for task, embedded in zip(data.tasks, tasks, strict=True):
        for item, row in zip(task.items, embedded["rows"], strict=True):
            assert row[:5] == [
                item.id,
                list(item.slices),
                item.input,
                item.expected,
                item.answers["A"].answer,
            ]
            assert row[5] == (
                None if item.answers["A"].correct is None else int(item.answers["A"].correct)
            )
            assert row[10] == pytest.approx(item.answers["B"].score, rel=1e-4)


def test_order_of_sections(page):
    ids = [a["id"] for tag, a in page.elements if tag in ("section", "div") and "id" in a]
    wanted = ["verdict", "scores", "learning", "cost", "disagreements", "fairness", "method"]
    assert [name for name in ids if name in wanted] == wanted
    assert page.elements[0] == ("html", {"lang": "en", "data-lang": "en"})


def test_each_language_alone_reads_whole(page):
    english, chinese = page.shown("en"), page.shown("zh")
    # Chinese stands in English only in the name and in the button that leads to Chinese.
    assert set(re.findall(r"[\u4e00-\u9fff]+", english)) == {"擂台", "中文"}
    letters = re.sub(r"[^a-zA-Z ]", " ", re.sub(r"<\|\w+\|>|[0-9a-f]{32,}", " ", chinese))
    for word in ("items", "better", "interval", "margin", "training", "Scores", "verdict"):
        assert word not in letters.split()


def test_a_duel_without_training(data):
    untrained = data.model_copy(
        update={
            "curves": {"A": LearningCurve(), "B": LearningCurve()},
            "contenders": {
                side: c.model_copy(update={"method": None, "trainable_parameters": None})
                for side, c in data.contenders.items()
            },
        }
    )
    page = Page(render_page(untrained))
    assert "nothing was trained" in page.shown("en")
    assert "Tokens trained on" in page.shown("en")  # that was measured
    assert page.shown("en").count("Trainable parameters") == 1  # in the audit alone


def test_the_same_data_give_the_same_bytes(data, html):
    assert render_page(example()) == html


@pytest.mark.parametrize("kind", ["a_better", "b_better", "equivalent", "undecided"])
def test_every_verdict_renders(kind):
    settings = {
        "a_better": {"rates": ({"en": 3.0, "zh": 3.0}, {"en": 0.5, "zh": 0.5})},
        "b_better": {"rates": ({"en": 0.5, "zh": 0.5}, {"en": 3.0, "zh": 3.0})},
        "equivalent": {"rates": ({"en": 9.0, "zh": 9.0},) * 2},
        "undecided": {"count": 120},
    }[kind]
    data = example(**settings)
    assert data.verdict["overall"]["verdict"] == kind
    colour = {"a_better": "a", "b_better": "b"}.get(kind, "same")
    assert f'<h1 class="of-{colour}">' in render_page(data)
