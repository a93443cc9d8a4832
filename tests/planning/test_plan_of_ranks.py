"""The memory of one of several processes."""

from machines import round_machine

from leitai.adapters import Full, LoRA, PromptTuning, cost
from leitai.models import preset
from leitai.planning import TrainTask, make_plan

MACHINE = round_machine(memory_bytes=80_000_000_000)


def memory(method, ranks, dtype="bfloat16"):
    task = TrainTask(rows=1000, tokens=200, targets=40, method=method, batch_rows=16, ranks=ranks)
    return make_plan(preset("Llama-3.1-70B"), task, MACHINE, dtype).memory


def test_what_is_kept_is_divided_and_what_is_gathered_is_not():
    config = preset("Llama-3.1-70B")
    full = memory(Full(), 32)
    numbers = cost.trainable_count(config, Full())
    assert full["weights"] == 4 * numbers // 32
    assert full["gradients"] <= 4 * numbers // 32 + 4 * config.vocab_size * config.hidden_size
    assert full["optimiser"] == 8 * numbers // 32
    embedding = config.vocab_size * config.hidden_size
    assert full["gathered weights"] > 8 * embedding
    assert full["gathered weights"] == memory(Full(), 64)["gathered weights"]


def test_an_adapter_divides_its_frozen_base():
    few, many = memory(LoRA(), 8), memory(LoRA(), 16)
    assert abs(few["weights"] - 2 * many["weights"]) <= 2
    assert few["weights"] > 2 * 70e9 / 8
    assert sum(many.values()) < sum(few.values())


def test_what_cannot_be_divided_is_whole_on_each():
    for method, dtype in ((PromptTuning(), "bfloat16"), (LoRA(), "nf4")):
        assert "gathered weights" not in memory(method, 8, dtype)
        assert memory(method, 8, dtype)["weights"] == memory(method, 1, dtype)["weights"]


def test_half_precision_on_a_cpu_has_code_to_keep():
    part = "code of products"
    assert part in memory(LoRA(), 1) and part in memory(LoRA(), 1, "int8")
    assert part not in memory(LoRA(), 1, "float32")
