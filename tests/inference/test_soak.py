"""A short run of the soak under random load: no block is lost."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from soak import BLOCKS, soak


@pytest.mark.slow
def test_no_block_is_lost_under_random_load(capsys):
    load, _ = soak(10.0, seed=3, report=2.0)
    assert load.submitted > 10
    assert load.cancelled > 0
    assert load.leak() == 0
    load.engine.forget()
    assert load.engine.memory() == (BLOCKS, 0, 0)
