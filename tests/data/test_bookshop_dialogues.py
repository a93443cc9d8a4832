"""The bookshop's hand-offs, dialogues and histories are what their card says."""

import re
from collections import Counter

from leitai.data.bookshop import rows
from leitai.data.bookshop_histories import books, purchases
from leitai.data.duplicates import near_duplicates
from leitai.evaluation.asking import reference_of

HAN = re.compile(r"[一-鿿]")
FIRST = [
    "romance-1",
    "romance-2",
    "romance-7",
    "romance-3",
    "children-4",
    "children-10",
    "romance-4",
]
VIEWS = ("handoff", "handoff_reasons", "dialogues", "recommendation")


def test_languages_are_not_mixed():
    for view in VIEWS:
        for row in rows(view):
            text = "\n".join(m["content"] for m in row.messages)
            assert bool(HAN.search(text)) == (row.language == "zh"), row.id


def test_hand_offs_have_every_cause_in_every_part():
    count = Counter((row.facts["cause"], row.split) for row in rows("handoff"))
    causes = {"complaint", "legal", "payment_failure", "misunderstanding", "explicit_request"}
    for split in ("train", "test"):
        assert all(count[cause, split] >= 4 for cause in causes)
    assert sum(n for (cause, _), n in count.items() if cause == "none") == 56
    assert count.total() == 120


def test_the_two_languages_are_the_same_dialogue():
    for view in VIEWS:
        by_group = {}
        for row in rows(view):
            by_group.setdefault((row.group, row.id.rsplit("-", 1)[0]), []).append(row)
        for pair in by_group.values():
            assert [row.language for row in pair] == ["zh", "en"]
            assert len({row.split for row in pair}) == 1
            assert len({len(row.messages) for row in pair}) == 1


def test_no_test_dialogue_is_near_a_training_one():
    for language in ("zh", "en"):
        found = [row for row in rows("dialogues") if row.language == language]
        texts = [reference_of(row) for row in found]
        for a, b, _ in near_duplicates(texts, threshold=0.8):
            assert found[a].split == found[b].split


def test_books_are_eighty_with_titles_of_their_own():
    assert len(books()) == 80
    assert set(Counter(book.genre for book in books()).values()) == {10}
    for language in ("zh", "en"):
        titles = [book.title(language).casefold() for book in books()]
        assert len(set(titles)) == 80
        assert not any(a in b for a in titles for b in titles if a != b)


def test_purchases_are_the_same_everywhere():
    bought = purchases()
    assert len(bought) == 150
    assert [book.id for book in bought["reader-001"]] == FIRST
    assert all(7 <= len(set(basket)) == len(basket) <= 12 for basket in bought.values())
    assert len({book for basket in bought.values() for book in basket}) == 80


def test_the_last_book_tests_and_the_one_before_validates():
    for row in rows("recommendation"):
        if row.language == "zh":
            basket = [book.zh for book in purchases()[row.id.removesuffix(f"-{row.split}-zh")]]
            place = {"train": -3, "validation": -2, "test": -1}[row.split]
            assert row.facts["history"] == basket[:place]
            assert reference_of(row) == basket[place]
            assert reference_of(row) not in row.facts["history"]
