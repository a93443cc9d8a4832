"""Specs: what is read, what is refused, and what the refusal says."""

import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from leitai.base.errors import LeitaiError
from leitai.base.specfile import load_spec
from leitai.base.yamltext import parse_yaml


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Lora(Part):
    name: Literal["lora"] = "lora"
    rank: int = Field(default=8, ge=1)


class Full(Part):
    name: Literal["full"] = "full"


class Side(Part):
    model: str
    method: Annotated[Lora | Full, Field(discriminator="name")] = Lora()


class Spec(Part):
    name: str
    learning_rate: float = 0.1
    schedule: Literal["cosine", "linear"] = "cosine"
    sides: list[Side] = []
    date: str = ""


def read(tmp_path: Path, text: str, *overrides: str) -> Spec:
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return load_spec(path, Spec, overrides)


def refusal(tmp_path: Path, text: str, *overrides: str) -> str:
    with pytest.raises(LeitaiError) as caught:
        read(tmp_path, text, *overrides)
    return str(caught.value).removeprefix(str(tmp_path / "spec.yaml"))


def test_scalars_follow_yaml_1_2(tmp_path):
    spec = read(tmp_path, "name: no\nlearning_rate: 1e-3\ndate: 2024-07-26\n")
    assert (spec.name, spec.learning_rate, spec.date) == ("no", 1e-3, "2024-07-26")
    assert parse_yaml("[yes, 12:30, 0o17, 0x1F, 017, .5, -.inf, ~, 1_000, +3, 6.]", "t").data == [
        *("yes", "12:30", 15, 31, 17, 0.5, float("-inf"), None, "1_000", 3, 6.0)
    ]


# JSON escapes what is above U+FFFF as two surrogates, which YAML does not know
TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(PLAIN)
def test_any_json_is_read_as_json_reads_it(value):
    assert parse_yaml(json.dumps(value, ensure_ascii=True), "t").data == value


def test_overrides_create_replace_and_index(tmp_path):
    text = "name: a\nsides:\n- &x {model: m}\n- *x\n"
    spec = read(tmp_path, text, "sides.1.method.name=full", "learning_rate=2e-5", "name='1'")
    assert (spec.name, spec.learning_rate) == ("1", 2e-5)
    assert [side.method.name for side in spec.sides] == ["lora", "full"]


REFUSED = [
    ("name: a\nlearnig_rate: 1\n", (), [", line 2, key 'learnig_rate'", "mean 'learning_rate'?"]),
    (
        "name: a\nsides:\n- model: m\n  method:\n    name: lora\n    rnk: 3\n",
        (),
        [", line 6, key 'sides.0.method.rnk': unknown key; did you mean 'rank'?"],
    ),
    (
        "name: a\nsides: [{model: m, method: {name: loar}}]",
        (),
        ["line 2, key 'sides.0.method'", "expected one of lora, full, found 'loar'", "'lora'?"],
    ),
    ("name: a\nsides: [{model: m, method: {rank: 1}}]", (), ["'name' is missing"]),
    ("learning_rate: 1", (), ["line 1, key 'name': this key is missing; add it"]),
    ("name: a\nzzz: 1", (), ["known keys: date, learning_rate, name, schedule, sides"]),
    ("name: a\nschedule: cosin", (), ["expected one of cosine, linear", "did you mean 'cosine'?"]),
    ("name: a\nlearning_rate: fast", (), ["line 2, key 'learning_rate'", "found 'fast'"]),
    ("name: a\nsides: [{model: 3, zz: 1}]", (), ["(and 1 more to repair)"]),
    ("name: a\nname: b", (), [", line 2", "'name' is given twice (first on line 1)"]),
    ("name: [", (), ["line 1", "not valid YAML"]),
    ("- 1", (), ["expected keys and values"]),
    ("", (), ["expected keys and values"]),
    ("name: !!python/object/apply:os.system [ls]", (), ["not valid YAML", "line 1"]),
    ("name: &a [*a]", (), ["aliases that never end"]),
    ("name: " + "[" * 5000 + "]" * 5000, (), ["nested too deeply"]),
    ("? [1]\n: 2", (), ["a key must be a plain word"]),
    ("name: a", ("learnig_rate=1",), ["--set learnig_rate=1, key", "'learning_rate'?"]),
    ("name: a", ("learning_rate",), ["--set learning_rate: expected key.path=value"]),
    ("name: a\nsides: [{model: m}]", ("sides.1.model=x",), ["'1' is no index of this list of 1"]),
    ("name: a\nsides: [3]", ("sides.0.model=x",), ["'0' holds no keys"]),
    ("name: a", ("learning_rate=[",), ["--set learning_rate=[, line 1: not valid YAML"]),
    ("name: a\nlearning_rate: 1", ("learning_rate=x",), ["--set learning_rate=x, key"]),
]


@pytest.mark.parametrize(("text", "overrides", "parts"), REFUSED)
def test_refusals_say_where_and_what(tmp_path, text, overrides, parts):
    line = refusal(tmp_path, text, *overrides)
    assert "\n" not in line
    for part in parts:
        assert part in line


def test_aliases_that_explode_are_refused_quickly(tmp_path):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "aliases" in refusal(tmp_path, "\n".join(levels))


def test_a_large_file_is_refused(tmp_path):
    assert "more than the limit" in refusal(tmp_path, "name: " + "a" * (1 << 20))


def test_plain_yaml_agrees_with_pyyaml(tmp_path):
    text = "name: x\nsides:\n  - {model: 'a: b', method: {name: lora}}\n  - model: >\n      c\n"
    assert parse_yaml(text, "t").data == yaml.safe_load(text)
