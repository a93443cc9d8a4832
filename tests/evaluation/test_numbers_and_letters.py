"""What an answer to a problem or a multiple-choice question says."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitai.evaluation.metrics.letters import find_choice
from leitai.evaluation.metrics.numbers import find_value, parse_value
from leitai.evaluation.tasks.maths import final_expression


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("48+24 = <<48+24=72>>72 clips in all.\n#### 72", "72"),
        ("The answer is 1,234.5 dollars, not 7.", "1234.5"),
        (r"so it is \boxed{\frac{3}{4}} of 12", "3/4"),
        (r"\boxed{-\dfrac{7}{2}}", "-7/2"),
        (r"\boxed{371,\!043,\!400}", "371043400"),
        ("答案是：四分之三", "3/4"),
        ("所以还剩 11/20", "11/20"),
        ("答：每班４５本。", "45"),
        ("最后得数为百分之二十五", "1/4"),
        ("涨了12.5％", "1/8"),
        ("共有三千零五人", "3005"),
        ("一百二", "120"),
        ("三亿五千万", "350000000"),
        ("两万三千", "23000"),
        ("1.5万", "15000"),
        ("二〇二四年", "2024"),
        ("负三点五", "-3.5"),
        ("5(1/2)", "11/2"),
        ("1 1/2", "3/2"),
        ("x = 5-3 = 2", "2"),
        ("Answer: $-3$", "-3"),
        ("结果为 3×4=12 个", "12"),
        ("First 7 apples. Then 9. The answer is 16. Hope this helps 100%", "16"),
        ("3/0", None),
        ("no idea", None),
        ("", None),
    ],
)
def test_the_final_value(written, value):
    assert find_value(written) == (None if value is None else Fraction(value))


def chinese(number):
    """Write a number below 100 million in Chinese, independently of the reader."""
    digits, places = "零一二三四五六七八九", ["", "十", "百", "千"]

    def four(n):
        text, gap = "", False
        for place in (3, 2, 1, 0):
            digit = n // 10**place % 10
            if digit:
                text += ("零" if gap and text else "") + digits[digit] + places[place]
                gap = False
            else:
                gap = True
        return text

    high, low = divmod(number, 10_000)
    text = (
        (four(high) + "万" if high else "") + ("零" if high and 0 < low < 1000 else "") + four(low)
    )
    return text or "零"


@given(st.integers(min_value=0, max_value=99_999_999))
def test_chinese_numerals(number):
    assert find_value(f"答案是{chinese(number)}") == number


@given(st.fractions(min_value=0, max_denominator=999))
def test_fractions_in_every_form(value):
    a, b = value.numerator, value.denominator
    for form in (f"{a}/{b}", rf"\frac{{{a}}}{{{b}}}", f"({a}/{b})"):
        assert find_value(f"#### {form}") == value
        assert parse_value(form) == value


def test_references():
    assert parse_value("230-120+230") == 340
    assert parse_value("160/(1-20%)") == 200
    assert parse_value(r"17\text{ meters}") == 17
    assert parse_value(r"$90^{\circ}$") == 90
    assert parse_value("(3,4]") is None
    assert parse_value("9//2") is None
    assert final_expression(r"so \boxed{\left( 3, \frac{1}{2} \right]}") == r"(3,\frac{1}{2}]"


@pytest.mark.parametrize(
    ("written", "choice"),
    [
        ("B", 1),
        ("(b)", 1),
        ("Ｂ。", 1),
        ("答案是 B。", 1),
        ("答案：【C】", 2),
        ("因为A不对，所以选B", 1),
        ("The answer is (C).", 2),
        ("**Answer:** D", 3),
        (r"\boxed{\text{D}}", 3),
        ("B. because A is wrong", 1),
        ("I would say it's C", 2),
        ("Dog", 1),
        ("正确答案为A和B", None),
        ("I think A or B", None),
        ("A cat sat", None),
        ("", None),
    ],
)
def test_the_chosen_letter(written, choice):
    assert find_choice(written, ["cat", "dog", "bird", "fish"]) == choice


def test_the_pronoun_is_no_letter_where_there_are_ten():
    assert find_choice("I would go for F here", list("1234567890")) == 5
