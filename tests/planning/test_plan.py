"""Plans: what must grow grows, what must add up adds up, and names lead to shapes."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import round_machine

from leitai.adapters import IA3, AdaLoRA, DoRA, Freeze, Full, LoRA, count_trainable
from leitai.base import LeitaiError
from leitai.models import init_decoder, preset, save_decoder, scratch_config
from leitai.planning import (
    GenerateTask,
    ScoreTask,
    TrainTask,
    find_shape,
    make_plan,
    prediction_error,
)
from leitai.planning.asking import make_task
from leitai.planning.words import duration, gigabytes

MACHINE = round_machine()
CARD = round_machine(device="cuda")
SMALL = preset("Qwen2.5-0.5B")
NUMBERS = st.integers(1, 400)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen2.5-7B", "Qwen2.5-7B"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B"),
        ("Qwen/Qwen3-8B-Base", "Qwen3-8B"),
        ("Qwen/Qwen3-8B@main", "Qwen3-8B"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "Llama-3-8B"),
        ("meta-llama/Llama-3.3-70B-Instruct", "Llama-3.3-70B"),
        ("llama-3.2-1b", "Llama-3.2-1B"),
    ],
)
def test_names_lead_to_shapes(model, name):
    assert find_shape(model).config == preset(name)


def test_folders_and_scratch_presets_lead_to_shapes(tmp_path):
    config = scratch_config("qwen3-nano", 512)
    save_decoder(init_decoder(config, 0), tmp_path / "mine")
    found = find_shape(str(tmp_path / "mine"))
    assert found.config == replace(config, eos_token_ids=found.config.eos_token_ids)
    assert found.folder == tmp_path / "mine"
    assert find_shape("scratch:qwen3-nano", vocab_size=900).config.vocab_size == 900


@pytest.mark.parametrize("model", ["Qwen2.5-8B", "mistralai/Mistral-7B", "", "Qwen2.5-Coder-7B"])
def test_an_unknown_name_is_refused_in_one_line(model):
    with pytest.raises(LeitaiError, match="no folder, and no model") as caught:
        find_shape(model)
    assert "\n" not in str(caught.value)


def larger(small, large):
    """Both plans of a config and task; the second must cost at least as much."""
    # a processor computes a large step in parts, which can take less memory than a smaller step
    undivided = [make_plan(*case, CARD).peak_bytes for case in (small, large)]
    assert undivided[1] >= undivided[0]
    first, second = (make_plan(*case, MACHINE) for case in (small, large))
    assert second.seconds >= first.seconds * 0.999
    assert second.flops >= first.flops * 0.999


@settings(max_examples=60, deadline=None)
@given(rows=NUMBERS, tokens=st.integers(2, 400), batch=st.integers(1, 64), epochs=st.integers(1, 5))
def test_more_training_costs_more(rows, tokens, batch, epochs):
    task = TrainTask(rows, tokens, 1, epochs=epochs, batch_rows=batch, checkpointing=False)
    larger((SMALL, task), (SMALL, replace(task, rows=rows + batch)))
    larger((SMALL, task), (SMALL, replace(task, epochs=epochs + 1)))
    larger((SMALL, task), (SMALL, replace(task, targets=tokens)))
    larger((SMALL, task), (preset("Qwen2.5-1.5B"), task))
    larger((SMALL, replace(task, shared=tokens - 1)), (SMALL, task))


@settings(max_examples=60, deadline=None)
@given(items=NUMBERS, context=NUMBERS, choices=st.integers(1, 80), answer=st.integers(1, 30))
def test_more_scoring_costs_more(items, context, choices, answer):
    task = ScoreTask(items, context, choices, answer)
    for change in ("items", "choices", "answer"):
        more = replace(task, **{change: getattr(task, change) * 2})
        first, second = make_plan(SMALL, task, MACHINE), make_plan(SMALL, more, MACHINE)
        assert second.flops >= first.flops
        assert second.seconds >= first.seconds * 0.999


@settings(max_examples=60, deadline=None)
@given(requests=NUMBERS, prompt=NUMBERS, new=st.integers(1, 300), streams=st.integers(1, 64))
def test_more_writing_costs_more(requests, prompt, new, streams):
    task = GenerateTask(requests, prompt, new, streams)
    first = make_plan(SMALL, task, MACHINE)
    for change in ("requests", "new_tokens"):
        more = replace(task, **{change: getattr(task, change) + 50})
        assert make_plan(SMALL, more, MACHINE).flops > first.flops
    assert first.seconds > 0 and first.tokens == requests * new


@pytest.mark.parametrize("method", [Full(), Freeze(top_blocks=2), LoRA()])
def test_methods_need_memory_in_the_known_order(method):
    full = make_plan(SMALL, TrainTask(64, 100, 20, method=Full()), MACHINE)
    plan = make_plan(SMALL, TrainTask(64, 100, 20, method=method), MACHINE)
    assert plan.peak_bytes <= full.peak_bytes
    assert plan.flops <= full.flops * 1.05


def test_a_plan_by_hand():
    """Writing reads all matrices for each token, and with a tied head the embedding as well."""
    machine = round_machine(decode={"bfloat16": {"call": 0.0, "byte": 5e-11, "row": 0.0}})
    plan = make_plan(SMALL, GenerateTask(1, 1, 101), machine, "bfloat16")
    read = 2 * (494_032_768 - 24 * (2 * 896 + 1152) - 896)
    assert plan.seconds == pytest.approx(101 * read / 2e10, rel=0.05)


def test_it_says_whether_it_fits():
    task = TrainTask(100, 100, 20)
    assert make_plan(SMALL, task, MACHINE).sentence.startswith("fits: ")
    large = make_plan(preset("Llama-3.1-405B"), task, MACHINE)
    assert not large.fits
    assert large.sentence.startswith("does not fit: ")


def test_activations_are_recomputed_where_they_would_not_fit():
    task = TrainTask(1000, 9000, 2000, method=Full(), batch_rows=8)  # a row is not parted
    kept = make_plan(SMALL, replace(task, checkpointing=False), MACHINE)
    again = make_plan(SMALL, replace(task, checkpointing=True), MACHINE)
    assert again.peak_bytes < kept.peak_bytes / 2
    assert "recomputation" in again.time and "recomputation" not in kept.time
    assert again.time.keys() - kept.time.keys() == {"recomputation"}
    # one forward more beside a forward and a backward of about twice its cost
    assert 0.15 < again.checkpointing.extra_time < 0.45
    for memory, chosen in ((kept.peak_bytes * 2, False), (kept.peak_bytes - 1, True)):
        plan = make_plan(SMALL, task, round_machine(memory_bytes=memory))
        assert plan.checkpointing.chosen is plan.checkpointing.used is chosen
        assert plan.peak_bytes == (again if chosen else kept).peak_bytes
        assert f"activation checkpointing {'on' if chosen else 'off'}: with" in str(
            plan.checkpointing.sentence
        )
        assert plan.fits


def test_products_in_bfloat16_halve_activations_and_keep_float32_weights():
    task = TrainTask(1000, 100, 20, method=Full())
    plain, mixed = (make_plan(SMALL, task, MACHINE, d) for d in ("float32", "bfloat16"))
    embedding = SMALL.vocab_size * SMALL.hidden_size
    assert mixed.memory["weights"] == 4 * 494_032_768 + 2 * (494_032_768 - embedding)
    assert mixed.memory["optimiser"] == plain.memory["optimiser"]


def test_prediction_error_speaks_of_what_was_done():
    plan = make_plan(SMALL, TrainTask(64, 100, 20, epochs=2), MACHINE)
    cost = {"seconds": plan.seconds / 2 * 1.1, "peak_bytes": plan.peak_bytes * 0.9}
    error = prediction_error(plan, cost, steps=plan.steps // 2)
    assert error.time_error == pytest.approx(0.1)
    assert error.memory_error == pytest.approx(-0.1)
    assert "(+10 %)" in str(error) and "(-10 %)" in str(error)


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        ("train", {"rows": 5}, "--tokens is missing"),
        ("train", {"rows": 5, "tokens": 5, "items": 2}, "--items goes with --task score"),
        ("train", {"rows": 0, "tokens": 5}, "rows is 0"),
        ("train", {"rows": 5, "tokens": 5, "targets": 9}, "does not fit"),
        ("train", {"rows": 5, "tokens": 5, "top_blocks": 9}, "go together"),
        ("score", {"items": 5, "context": 5, "shared": 5}, "does not fit"),
        ("generate", {"requests": 5, "prompt": 5}, "--new-tokens is missing"),
    ],
)
def test_senseless_numbers_are_refused(kind, numbers, message):
    with pytest.raises(LeitaiError, match=message):
        make_task(kind, "lora", numbers)


def test_words():
    assert [duration(s) for s in (0.41, 112, 2460, 20000, 9e5)] == [
        *("0.41 s", "112 s", "41 minutes", "5.6 hours", "10.4 days")
    ]
    assert gigabytes(1.92e9) == "1.9 GB"


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "nf4", "nf4-double"])
@pytest.mark.parametrize("method", [LoRA(), DoRA(), AdaLoRA(), IA3()], ids=lambda one: one.name)
def test_every_adapter_has_a_plan(method, dtype):
    plan = make_plan(SMALL, TrainTask(rows=8, tokens=20, targets=5, method=method), MACHINE, dtype)
    full = make_plan(SMALL, TrainTask(rows=8, tokens=20, targets=5, method=Full()), MACHINE, dtype)
    assert 0 < plan.memory["optimiser"] == 8 * count_trainable(SMALL, method)
    assert sum(plan.memory.values()) < sum(full.memory.values())
    assert 0 < plan.flops < full.flops


@pytest.mark.parametrize(
    "task", [TrainTask(4, 9000, 20), ScoreTask(4, 8190, 2, 5), GenerateTask(4, 8000, 193)]
)
def test_what_does_not_fit_into_the_context_is_refused(task):
    with pytest.raises(LeitaiError, match="does not fit into the model's context of 8,192"):
        make_plan(preset("Llama-3-8B"), task, MACHINE)
    make_plan(preset("Llama-3.1-8B"), task, MACHINE)
