"""Near-duplicates: the measure, the search, and what it is blind to."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.data import Row, near_duplicates, overlap
from leitai.data.duplicates import THRESHOLD, components, features, question, similarity


def rows(texts, prefix):
    return [
        Row(
            id=f"{prefix}{i}",
            messages=(
                {"role": "system", "content": "You are the shop's assistant, kind and brief."},
                {"role": "user", "content": text},
                {"role": "assistant", "content": "the very same answer"},
            ),
            source="",
        )
        for i, text in enumerate(texts)
    ]


def test_by_hand():
    # characters 你 好 吗, pairs 你好 好吗, triple 你好吗; against 你好: 你, 好, 你好
    assert similarity("你好吗", "你好") == pytest.approx(3 / 6)
    # words ab, cd; 3-grams "ab ", "b c", " cd"; against "ab": word ab, no 3-gram
    assert similarity("ab cd", "ab") == pytest.approx(1 / 5)
    assert similarity("", "") == 0
    assert similarity("？！", "...") == 0


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Where is my order?", "where is my  ORDER"),
        ("我的订单到哪了？", "我的订单到哪了"),
        ("Ｗｈｅｒｅ ｉｓ ｉｔ", "where is it"),
    ],
)
def test_case_width_and_punctuation_do_not_count(left, right):
    assert similarity(left, right) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Where is my order number 8812?", "Where is my order number 8813?"),
        ("please cancel my order from yesterday", "please cancel my orders from yesterday"),
        ("请问我上周买的书什么时候能到", "请问我上周买的书什么时候能到呢"),
        ("麻烦帮我取消昨天的订单谢谢", "麻烦帮我取消昨天的订单，多谢"),
    ],
)
def test_small_changes_are_found(left, right):
    assert similarity(left, right) >= THRESHOLD


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Where is my order?", "Has the parcel left your warehouse yet?"),
        ("How do I return a book?", "How do I close my account?"),
        ("怎么取消订单", "怎么申请退书"),
        ("我的包裹到哪儿了", "书发货没有"),
    ],
)
def test_other_words_are_not(left, right):
    assert similarity(left, right) < THRESHOLD


words = st.lists(
    st.sampled_from(["ab", "abc", "abcd", "你好", "你好吗", "书", "order"]), max_size=5
)


@settings(max_examples=50, deadline=None)
@given(
    left=st.lists(words.map(" ".join), max_size=8),
    right=st.lists(words.map(" ".join), min_size=1, max_size=8),
    threshold=st.sampled_from([0.2, 0.5, 0.6, 1.0]),
)
def test_the_search_equals_comparing_all_pairs(left, right, threshold):
    expected = {}
    for a, (j, b) in product(left, enumerate(right)):
        value = similarity(a, b)
        if value >= threshold:
            expected[j] = max(expected.get(j, 0), value)
    found = overlap(rows(left, "a"), rows(right, "b"), threshold=threshold)
    assert {int(test[1:]): value for _, test, value in found} == pytest.approx(expected)
    assert [value for *_, value in found] == sorted((v for *_, v in found), reverse=True)
    pairs = near_duplicates(left, threshold=threshold)
    brute = [
        (i, j)
        for i in range(len(left))
        for j in range(i + 1, len(left))
        if similarity(left[i], left[j]) >= threshold
    ]
    assert sorted((i, j) for i, j, _ in pairs) == brute


def test_overlap_ignores_answers_and_system_messages():
    train = rows(["where is my order", "opening hours"], "train")
    test = rows(["can I pay in cash", "Where is my order?"], "test")
    assert overlap(train, test) == [("train0", "test1", 1.0)]
    assert question(test[0]) == "can I pay in cash"


def test_empty_sides():
    assert overlap([], rows(["x"], "b")) == []
    assert overlap(rows(["x"], "a"), []) == []
    assert near_duplicates([]) == []


def test_components_follow_chains():
    assert components(6, [(4, 5, 1.0), (0, 2, 0.9), (2, 4, 0.8)]) == [[0, 2, 4, 5], [1], [3]]


def test_features_of_mixed_text_count_chinese_characters():
    assert "epub" not in features("epub")
    assert {"打", "开", "打开"} <= features("EPUB 打开")
