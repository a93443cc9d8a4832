"""Every duel that examples and pages show is a valid spec."""

import re
from pathlib import Path

import pytest
import yaml

from leitai.comparison.spec import CompareSpec

ROOT = Path(__file__).parents[2]
SPECS = {
    **{path.name: path.read_text("utf-8") for path in (ROOT / "examples").glob("*.yaml")},
    **{
        f"{path.name}, {number}": block
        for path in (ROOT / "docs").glob("*.md")
        for number, block in enumerate(
            re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.S)
        )
    },
}
DUELS = {name: text for name, text in SPECS.items() if "\ncontenders:" in text}


@pytest.mark.parametrize("name", DUELS)
def test_a_duel_shown_is_a_duel(name):
    context = {"folder": str(ROOT / "examples")}
    CompareSpec.model_validate(yaml.safe_load(DUELS[name]), context=context)


def test_some_are_shown():
    assert len(DUELS) >= 8
