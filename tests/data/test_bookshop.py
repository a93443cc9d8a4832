"""The bundled set is what its card says."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from leitai.data import DataSource, labels_of, load_rows, near_duplicates, overlap
from leitai.data.bookshop import LANGUAGES, intents, rows

ACROSS, ANYWHERE = 0.4, 0.5
"""Both stricter than the threshold used elsewhere."""


@pytest.fixture(scope="module")
def loaded():
    return load_rows(DataSource(set="bookshop"), base_folder=Path())


def test_composition(loaded):
    assert len(intents()) == 36
    count = Counter((row.label, row.language, row.split) for row in loaded)
    for intent in intents():
        for language in LANGUAGES:
            assert count[intent.id, language, "train"] >= 24
            assert count[intent.id, language, "validation"] == 8
            assert count[intent.id, language, "test"] == 16


def test_ids_are_unique_and_say_the_intent(loaded):
    assert len({row.id for row in loaded}) == len(loaded)
    assert all(re.fullmatch(rf"{row.label}-\d{{3}}-{row.language}", row.id) for row in loaded)


def test_every_intent_has_a_title_a_description_and_a_reply_in_both_languages():
    for intent in intents():
        for texts in (intent.title, intent.description, intent.reply):
            assert set(texts) == set(LANGUAGES)
            assert re.search(r"[一-鿿]", texts["zh"])
            assert not re.search(r"[一-鿿]", texts["en"])
        for reply in intent.reply.values():
            assert len(reply) > 60
            assert not re.search(r"[{}<>\[\]]|TODO|XXX|\.\.\.", reply)


def test_the_two_languages_of_a_pair_share_intent_and_split(loaded):
    pairs = {}
    for row in loaded:
        pairs.setdefault(row.group, []).append((row.language, row.label, row.split))
    assert all(
        len(pair) == 2 and {pair[0][0], pair[1][0]} == set(LANGUAGES) and pair[0][1:] == pair[1][1:]
        for pair in pairs.values()
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_in_their_language_and_short_enough(loaded, language):
    for row in loaded:
        if row.language == language:
            text = row.messages[0]["content"]
            assert bool(re.search(r"[一-鿿]", text)) == (language == "zh"), row.id
            assert text == text.strip()
            assert len(text) <= 400


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_near_duplicates_across_splits(loaded, language):
    part = {
        name: [row for row in loaded if row.language == language and row.split == name]
        for name in ("train", "validation", "test")
    }
    assert overlap(part["train"], part["test"], threshold=ACROSS) == []
    assert overlap(part["train"], part["validation"], threshold=ACROSS) == []
    assert overlap(part["validation"], part["test"], threshold=ACROSS) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_near_duplicates_within_a_split_either(loaded, language):
    texts = [row.messages[0]["content"] for row in loaded if row.language == language]
    assert near_duplicates(texts, threshold=ANYWHERE) == []


def test_no_addresses_numbers_or_links_of_persons(loaded):
    private = re.compile(r"@|https?:|www\.|\b1[3-9]\d{9}\b|\b\d{17}[\dXx]\b")
    assert [row.id for row in loaded if private.search(row.messages[0]["content"])] == []


def test_facts_of_the_shop_agree():
    replies = {intent.id: intent.reply for intent in intents()}
    assert "每天上午 10 点到晚上 9 点" in replies["opening_hours"]["zh"]
    assert "every day from 10 am to 9 pm" in replies["opening_hours"]["en"]
    for reply in replies.values():
        numbers = re.findall(r"灯笼街 ?(\d+) ?号", reply["zh"])
        numbers += re.findall(r"(\d+) Lantern Street", reply["en"])
        assert set(numbers) <= {"12"}
        starts = re.findall(r"(\d+)(?::00)? ?到 ?\d+:00", reply["zh"])
        starts += re.findall(r"from (\d+) am", reply["en"])
        assert set(starts) <= {"10"}


def test_views(loaded):
    replies = load_rows(DataSource(set="bookshop", view="replies"), base_folder=Path())
    assert [row.id for row in replies] == [row.id for row in loaded]
    by_id = {intent.id: intent for intent in intents()}
    for asked, answered in zip(loaded, replies, strict=True):
        assert asked.messages[0] == answered.messages[0]
        assert asked.messages[1]["content"] == asked.label
        expected = by_id[asked.label].reply[asked.language]
        assert answered.messages[1]["content"] == expected
        assert answered.label is None
    assert rows("replies") == replies


def test_labels_are_the_intents_in_their_order(loaded):
    source = DataSource(set="bookshop")
    assert labels_of(source, loaded, base_folder=Path()) == tuple(i.id for i in intents())
    zh = load_rows(DataSource(set="bookshop", language="zh"), base_folder=Path())
    assert len(zh) * 2 == len(loaded)


def test_splits_are_fixed(tmp_path):
    from leitai.base import LeitaiError

    source = DataSource.model_validate({"set": "bookshop", "split": {"seed": 1}})
    with pytest.raises(LeitaiError, match="places all its rows in splits itself"):
        load_rows(source, base_folder=tmp_path)


def test_the_files_are_plain_and_licensed():
    from leitai.data import bookshop

    folder = Path(bookshop.__file__).parent / "bookshop"
    assert "Creative Commons Attribution 4.0" in (folder / "LICENSE").read_text()
    lines = (folder / "utterances.jsonl").read_text("utf-8").splitlines()
    assert all(
        list(json.loads(line)) == ["id", "intent", "split", "style", "zh", "en"] for line in lines
    )
    styles = {"plain", "short", "colloquial", "angry", "polite", "misspelt", "long"}
    assert {json.loads(line)["style"] for line in lines} == styles
