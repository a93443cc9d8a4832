import resource
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
