"""The specs that users start from are valid."""

from pathlib import Path

import pytest

from leitai.base.specfile import load_spec
from leitai.comparison.spec import CompareSpec

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["banking77", "demo", "search", "several"])
def test_examples_are_valid(name):
    spec = load_spec(EXAMPLES / f"{name}.yaml", CompareSpec, [])
    assert spec.name == name


def test_the_example_of_every_kind_has_every_kind():
    spec = load_spec(EXAMPLES / "several.yaml", CompareSpec, [])
    assert [one.kind for one in spec.keyed.values()] == [
        "checkpoint",
        "checkpoint",
        "endpoint",
        "reference",
        "reference",
    ]
    assert spec.keyed["C"].stated == "Qwen/Qwen2.5-0.5B-Instruct @ http://localhost:8000/v1"
