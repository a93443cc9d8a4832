import os
import resource
import subprocess
import sys

import pytest

from leitai.base.memory import reused_memory


def test_freed_memory_is_used_again() -> None:
    if sys.platform != "linux":
        pytest.skip("only glibc's allocator is told to keep memory")

    def faults() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    def work() -> None:
        for _ in range(20):
            assert len(bytearray(64 << 20)) == 64 << 20

    with reused_memory(), reused_memory():
        work()
        before = faults()
        work()
        assert faults() - before < 1000
    before = faults()
    work()
    assert faults() - before > 1000


GROWTH = """
import sys, torch
from leitai.base.memory import keep_few_products, peak_bytes
if sys.argv[1] == "few":
    keep_few_products()
torch.set_num_threads(1)
x, w = torch.randn(900, 128).bfloat16(), torch.randn(448, 128).bfloat16()
for rows in range(100, 100 + 128):
    x[:rows] @ w.T
before = peak_bytes()
for rows in range(300, 900):
    x[:rows] @ w.T
print(peak_bytes() - before)
"""


def test_code_of_old_products_is_not_kept() -> None:
    torch = pytest.importorskip("torch")
    if sys.platform != "linux" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("products in bfloat16 are not oneDNN's here")
    plain = {k: v for k, v in os.environ.items() if "CACHE_CAPACITY" not in k}

    def growth(which: str) -> int:
        command = [sys.executable, "-c", GROWTH, which]
        return int(subprocess.run(command, env=plain, capture_output=True, check=True).stdout)

    all_of_them = growth("all")
    if all_of_them < 20_000_000:
        pytest.skip("this version keeps little code")
    assert growth("few") < all_of_them / 3
