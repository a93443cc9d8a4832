"""The pure parts of the comparison of methods: intervals, tables, results kept through a kill."""

import math
import re
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml

from leitai.adapters.method import AnyMethod
from leitai.training import AdaptSpec

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from forked import run_all
from methods_cases import CASES, EARLY_METHODS, FEW_LABELS, FEW_METHODS
from methods_table import early_table, few_table, interval, main_table, percent


def test_interval_is_students():
    # 0.5, 0.6, 0.7: deviation 0.1; t(2) has its 97.5 % point at 4.302653 (any printed table)
    middle, low, high = interval([0.5, 0.6, 0.7])
    assert middle == pytest.approx(0.6)
    assert high - middle == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-6)
    assert middle - low == pytest.approx(high - middle)


def test_interval_stays_a_share_and_one_value_has_none():
    assert interval([0.0, 0.0, 0.1])[1] == 0.0
    assert interval([1.0, 1.0, 0.9])[2] == 1.0
    assert interval([0.5, 0.5])[1:] == (0.5, 0.5)
    assert math.isnan(interval([0.5])[1])
    assert percent([0.5]) == "50.0"
    assert percent([0.5, 0.6, 0.7]) == "60.0 (35 to 85)"


def cell(accuracy):
    return {
        "trainable": 1234,
        "accuracy": accuracy,
        "steps": [20, 30, 40],
        "cpu_seconds": [1.0, 2.0, 3.0],
        "peak_bytes": [1e8, 3e8, 2e8],
    }


def test_the_table_holds_every_figure_and_names_what_is_missing():
    found = {
        "conditions": "a machine",
        "data": {"bookshop": {"labels": 12, "train": 96, "test": 100}},
        "bases": {
            "Base": {
                "untouched": {"bookshop": 0.03},
                "methods": {"full": {"bookshop": cell([0.5, 0.6, 0.7])}},
                "rates": {"full": 0.001},
            }
        },
    }
    text = main_table(found)
    assert "| Base | (as it is) | 0 | 3.0 |  |  |" in text
    assert "| Base | full | 1,234 | 60.0 (35 to 85) | 2.0 | 300 |" in text
    assert "Left out, because the data is not there: banking77, tnews, eprstmt." in text
    assert "Chosen rates: Base: full 0.001." in text


def test_the_studies_show_every_method():
    few = {name: {str(n): [0.5] for n in FEW_LABELS} for name in FEW_METHODS}
    assert few_table(few | {"conditions": ""}).count("| 50.0 | 50.0 |") == len(FEW_METHODS)
    early = {
        name: {"on": cell([0.5, 0.5, 0.5]), "off": cell([0.4, 0.5, 0.6])} for name in EARLY_METHODS
    }
    text = early_table(early | {"conditions": "", "per_label": 2, "steps": 120})
    assert "| full | 50.0 (50 to 50) | 50.0 (25 to 75) | +10, +0, -10 | 30 | 30 |" in text


def test_every_method_is_compared_with_a_grid_of_the_same_size():
    assert {type(case.method) for case in CASES.values()} == set(get_args(AnyMethod))
    assert {len(case.rates) for case in CASES.values()} == {3}


def test_the_specs_on_the_page_are_valid_and_name_every_method():
    page = Path(__file__).parents[2] / "docs" / "methods.md"
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    blocks += re.findall(r"# or.*?(method: .*)", text)
    specs = [yaml.safe_load(block) for block in blocks]
    shown = {type(AdaptSpec(**spec.get("adapt", spec)).method) for spec in specs}
    assert shown == set(get_args(AnyMethod))


def test_work_is_done_once_and_measured_from_outside(tmp_path):
    told = []
    works = [(f"work {n}", tmp_path / f"{n}.json", lambda n=n: {"found": n}) for n in range(3)]
    run_all(works[:1], at_once=1, tell=told.append)
    run_all(works, at_once=2, tell=told.append)
    assert [line.split(":")[0] for line in told[:1]] == ["1/1 work 0"]
    assert len(told) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "1.json", "2.json"]


def test_a_failure_names_the_work_and_keeps_the_rest(tmp_path):
    def fail():
        raise ValueError("broken")

    works = [("fine", tmp_path / "fine.json", dict), ("bad", tmp_path / "bad.json", fail)]
    with pytest.raises(SystemExit, match="bad failed"):
        run_all(works, at_once=1, tell=lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == ["fine.json"]
