"""A margin that cannot be meant is refused before anything is asked."""

import math

import pytest
from pydantic import ValidationError

from leitai.comparison.spec import VerdictSpec


@pytest.mark.parametrize("margin", [-0.1, 1, 5, math.nan, math.inf])
def test_a_share_has_a_margin_below_one(margin):
    with pytest.raises(ValidationError, match=r"three points"):
        VerdictSpec(margins={"accuracy": margin})
    assert VerdictSpec(margins={"accuracy": 0.0}).margin("accuracy") == 0


def test_other_units_may_have_larger_ones():
    assert VerdictSpec(margins={"bits_per_byte": 1.5}).margin("bits_per_byte") == 1.5
    with pytest.raises(ValidationError, match="bits_per_byte"):
        VerdictSpec(margins={"bits_per_byte": math.nan})
