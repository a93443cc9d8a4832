"""What loading costs at its peak, measured in a process of its own."""

import json
import logging
import subprocess
import sys

import pytest

from leitai.models import ModelConfig, init_decoder, parameter_count, save_decoder

LOG = logging.getLogger(__name__)  # shown by --log-cli-level=INFO

# The kernel's high-water mark of this address space; ru_maxrss would carry over from the parent.
MEASURE = """
import json, sys
from pathlib import Path
import leitai.models as models

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

before = peak()
decoder = models.load_decoder(Path(sys.argv[1]), dtype=sys.argv[2])
print(json.dumps({"before": before, "after": peak(), "compiler": "torch._dynamo" in sys.modules}))
"""


def measure(folder, dtype):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder), dtype],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def make(folder, megabytes, **options):
    """Write a checkpoint of about this size, a quarter of it one embedding."""
    config = ModelConfig.from_dict(
        {
            "model_type": "qwen2",
            "vocab_size": megabytes * 64,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": max(1, round(megabytes / 90)),
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "tie_word_embeddings": True,
        }
    )
    save_decoder(init_decoder(config, 0), folder, **options)
    return parameter_count(config)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("stored", "dtype"), [("float32", "float32"), ("bfloat16", "float32")])
def test_loading_costs_the_model_and_little_more(tmp_path, stored, dtype):
    count = make(tmp_path, 120, dtype=stored)
    seen = measure(tmp_path, dtype)
    size = count * (4 if dtype == "float32" else 2)
    assert seen["after"] - seen["before"] < size + (64 << 20)
    assert not seen["compiler"]  # its import alone takes two seconds and 70 MB


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("shard_bytes", [4 << 30, 300 << 20])
def test_a_checkpoint_of_1_gb_loads_below_1500_mb(tmp_path, shard_bytes):
    count = make(tmp_path, 960, shard_bytes=shard_bytes)
    assert 0.95e9 < 4 * count < 1.05e9
    seen = measure(tmp_path, "float32")
    LOG.info(f"{4 * count:,} bytes of weights, peak {seen['after']:,}, imports {seen['before']:,}")
    assert seen["after"] < 1.5e9
