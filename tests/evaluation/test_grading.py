import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.evaluation.grading import exact_match, find_label, normalise

LABELS = ("refund", "refund_status", "order_status", "退款")


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("refund", "refund"),
        (" Refund. ", "refund"),
        ("The intent is refund_status.", "refund_status"),
        ("退款。", "退款"),
        ("It is refund or order_status", None),
        ("no idea", None),
        ("", None),
        ("order_status\nrefund", "order_status"),
    ],
)
def test_a_label_is_found_only_where_one_is_named(written, label):
    assert find_label(written, LABELS) == label


def test_exact_match_forgives_form_not_content():
    assert exact_match("Ｐａｒｉｓ.", "paris")
    assert exact_match("  是的。", "是的")
    assert not exact_match("Paris, France", "Paris")


@given(st.text())
def test_normalising_twice_changes_nothing_that_matters(text):
    assert exact_match(text, text)
    assert normalise(normalise(text)) == normalise(text) or not normalise(text).isascii()
