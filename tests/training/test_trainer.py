"""Whole runs: what they leave, how they resume, what they refuse."""

import json
import math
import os
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from leitai.adapters import (
    IA3,
    AdaLoRA,
    BottleneckAdapter,
    DoRA,
    Freeze,
    Full,
    LoRA,
    PrefixTuning,
    PromptTuning,
    load_adapter,
)
from leitai.base import LeitaiError
from leitai.models import load_decoder
from leitai.training import AdaptSpec, train
from leitai.training import loop as loop_module
from leitai.training.checkpoint import CheckpointStore
from leitai.training.objectives.instruction import InstructionTuning

FULL = AdaptSpec(method=Full(), learning_rate=0.01, epochs=3, batch_rows=4, patience=None)
LORA = AdaptSpec(
    method=LoRA(rank=4, dropout=0.3), learning_rate=0.01, epochs=3, batch_rows=4, noise=0.2
)
PREFIX, PROMPT, BOTTLENECK = (
    LORA.model_copy(update={"method": method})
    for method in (
        PrefixTuning(virtual_tokens=4, init="random", projection=8),
        PromptTuning(virtual_tokens=4, init_text="order"),
        BottleneckAdapter(size=4, dropout=0.3),
    )
)


def lines(run, name="metrics.jsonl"):
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


def weights(result):
    name = "adapter_model" if result.output.name == "adapter" else "model"
    return (result.output / f"{name}.safetensors").read_bytes()


def stop_after(monkeypatch, step):
    """Let the process be told to stop (SIGTERM) in the middle of a step."""
    update = loop_module.Loop._update

    def stopping(self):
        if self.step + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(self)

    monkeypatch.setattr(loop_module.Loop, "_update", stopping)


def test_a_run_learns_and_leaves_a_model(checkpoint, rows, tmp_path):
    spec = FULL.model_copy(update={"epochs": 25})
    result = train(checkpoint, rows(40), rows(8, 40), spec, tmp_path / "run", seed=1)
    log = lines(tmp_path / "run")
    steps = [line for line in log if "loss" in line]
    checks = [line for line in log if "valid_loss" in line]
    assert (
        [line["step"] for line in steps] == list(range(1, 251)) == list(range(1, result.steps + 1))
    )
    assert [line["step"] for line in checks] == list(range(10, 251, 10))
    assert steps[-1]["loss"] < 0.2 * steps[0]["loss"]
    assert result.best_loss < checks[0]["valid_loss"]
    assert result.best_loss == min(line["valid_loss"] for line in checks)
    best = next(line for line in checks if line["step"] == result.best_step)
    assert result.best_bits_per_byte == best["valid_bits_per_byte"]
    assert (result.train_rows, result.valid_rows, result.epochs) == (40, 8, 25.0)
    assert steps[-1]["tokens"] == result.train_tokens > result.target_tokens > 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names - {"tensorboard", "tracking.json"} == {  # those two where it is installed
        *("model", "metrics.jsonl", "clock.jsonl", "result.json", "cost.json", ".lock")
    }
    assert {"config.json", "tokenizer.json", "chat_template.jinja"} <= {
        path.name for path in result.output.iterdir()
    }
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(result.output, dtype=torch.float32)
    ids = torch.arange(20)[None]
    ours = load_decoder(result.output)
    with torch.no_grad():
        torch.testing.assert_close(ours.logits(ours(ids)), theirs(ids).logits, rtol=1e-4, atol=1e-4)


def test_validation_loss_is_that_of_the_best_weights(qwen, rows, tmp_path):
    """Overtrained on purpose: the kept model is not the last one."""
    spec = FULL.model_copy(update={"epochs": 60, "learning_rate": 0.02, "patience": 4})
    result = train(qwen, rows(16), rows(12, 41), spec, tmp_path / "run", seed=1)
    assert result.stopped_early
    assert result.best_step < result.steps < 60 * 4
    checks = [line for line in lines(tmp_path / "run") if "valid_loss" in line]
    assert [line["best"] for line in checks[-4:]] == [False] * 4
    still = spec.model_copy(update={"max_steps": 1, "learning_rate": 1e-12})
    again = train(result.output, rows(4), rows(12, 41), still, tmp_path / "check")
    assert again.best_loss == pytest.approx(result.best_loss, rel=1e-6)


METHODS = {
    "full": FULL,
    "lora": LORA,
    **{
        method.name: LORA.model_copy(update={"method": method})
        for method in (
            DoRA(rank=4, dropout=0.3),
            AdaLoRA(rank=4, target_rank=2, dropout=0.3, every=2),
            IA3(),
        )
    },
    "prefix": PREFIX,
    "prompt": PROMPT,
    "bottleneck": BOTTLENECK,
}


@pytest.mark.parametrize("spec", METHODS.values(), ids=METHODS)
def test_a_stopped_run_resumes_to_the_same_bits(checkpoint, rows, tmp_path, monkeypatch, spec):
    data = rows(23), rows(6, 23)
    whole = train(checkpoint, *data, spec, tmp_path / "whole", seed=3)
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(LeitaiError, match=r"stopped after step 7 of 18; .*--resume"):
            train(checkpoint, *data, spec, tmp_path / "parts", seed=3)
    assert not (tmp_path / "parts" / "result.json").exists()
    parts = train(checkpoint, *data, spec, tmp_path / "parts", seed=3)
    assert weights(parts) == weights(whole)
    for name in ("metrics.jsonl", "result.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_time_adds_up_over_parts(qwen, rows, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(LeitaiError):
            train(qwen, rows(23), [], FULL, tmp_path / "run")
    first = lines(tmp_path / "run", "clock.jsonl") or [{"seconds": 0.0}]
    state = json.loads(
        (tmp_path / "run" / "checkpoints" / "step-00000007" / "state.json").read_text()
    )
    before = state["state"]["totals"]["seconds"]
    assert before > 0 and before >= first[-1]["seconds"]
    result = train(qwen, rows(23), [], FULL, tmp_path / "run")
    assert result.seconds > before
    assert lines(tmp_path / "run", "clock.jsonl")[-1]["seconds"] == result.seconds
    assert result.tokens_per_second == pytest.approx(result.train_tokens / result.seconds)


def test_a_finished_run_is_not_run_again(qwen, rows, tmp_path, monkeypatch):
    first = train(qwen, rows(8), [], FULL, tmp_path / "run")
    monkeypatch.setattr(loop_module.Loop, "run", None)
    assert train(qwen, rows(8), [], FULL, tmp_path / "run") == first
    with pytest.raises(LeitaiError, match=r"adapt\.epochs was 3, is now 4"):
        train(qwen, rows(8), [], FULL.model_copy(update={"epochs": 4}), tmp_path / "run")


def test_another_run_is_refused_with_the_difference(qwen, rows, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(LeitaiError):
            train(qwen, rows(12), rows(4, 20), FULL, tmp_path / "run", seed=1)
    changed = FULL.model_copy(update={"learning_rate": 0.02})
    for arguments, seed, message in (
        ((rows(12), rows(4, 20), changed), 1, r"adapt\.learning_rate was 0\.01, is now 0\.02"),
        ((rows(12), rows(4, 20), FULL), 2, "seed was 1, is now 2"),
        ((rows(13), rows(4, 20), FULL), 1, "the training rows differ"),
        ((rows(12), rows(5, 20), FULL), 1, "the validation rows differ"),
        ((rows(12), rows(4, 20), LORA), 1, r"adapt\.method\.name was full, is now lora"),
    ):
        with pytest.raises(LeitaiError, match=message):
            train(qwen, *arguments, tmp_path / "run", seed=seed)
    anew = train(qwen, rows(12), rows(4, 20), changed, tmp_path / "run", seed=1, resume=False)
    assert anew.steps == 9


def test_a_damaged_checkpoint_costs_time_and_no_bits(qwen, rows, tmp_path, monkeypatch, caplog):
    data = rows(23), rows(6, 23)
    whole = train(qwen, *data, FULL, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(patch, 11)
        with pytest.raises(LeitaiError):
            train(qwen, *data, FULL, tmp_path / "parts", checkpoint_every=4)
    newest = tmp_path / "parts" / "checkpoints" / "step-00000011" / "weights.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    parts = train(qwen, *data, FULL, tmp_path / "parts")
    assert weights(parts) == weights(whole)
    assert "resumed from step 8 instead" in parts.notes[0]
    assert parts.notes[0] in caplog.text


def test_accumulation_gives_the_same_run(qwen, rows, tmp_path):
    """1 x 16 = 4 x 4 = 16 x 1, the short last window of each epoch included."""
    losses = []
    for size, accumulation in ((16, 1), (4, 4), (1, 16)):
        spec = FULL.model_copy(update={"batch_rows": size, "accumulation": accumulation})
        run = tmp_path / f"{size}"
        train(qwen, rows(37), rows(5, 40), spec, run, seed=2)
        losses.append([line.get("loss", line.get("valid_loss")) for line in lines(run)])
    assert len(losses[0]) == 9 + 3
    assert losses[1] == pytest.approx(losses[0], rel=2e-4)
    assert losses[2] == pytest.approx(losses[0], rel=2e-4)


def test_freeze_leaves_the_rest_alone(checkpoint, rows, tmp_path):
    spec = FULL.model_copy(update={"method": Freeze(top_blocks=1)})
    result = train(checkpoint, rows(8), [], spec, tmp_path / "run")
    before = load_file(checkpoint / "model.safetensors")
    after = load_file(result.output / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {n for n in before if n.startswith(("model.layers.1.", "model.norm."))}
    assert result.trainable_parameters == sum(before[name].numel() for name in moved)
    assert (result.best_loss, result.best_step) == (None, result.steps)


@pytest.mark.parametrize(
    "spec", [LORA, PREFIX, PROMPT, BOTTLENECK], ids=lambda spec: spec.method.name
)
def test_a_run_leaves_an_adapter_for_its_base(checkpoint, rows, tmp_path, spec):
    result = train(checkpoint, rows(8), [], spec, tmp_path / "run")
    assert result.output.name == "adapter"
    decoder = load_decoder(checkpoint)
    load_adapter(decoder, result.output, checkpoint)
    assert weights(result) != weights(
        train(checkpoint, rows(8), [], spec, tmp_path / "other", seed=5)
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int4", "nf4", "nf4-double"])
def test_lora_on_a_base_of_fewer_bits(qwen, rows, tmp_path, dtype):
    result = train(qwen, rows(8), rows(4, 9), LORA, tmp_path / "run", dtype=dtype)
    load_adapter(load_decoder(qwen), result.output, qwen)
    assert math.isfinite(result.best_loss)


@pytest.mark.parametrize(
    "spec", [LORA, PREFIX, PROMPT, BOTTLENECK], ids=lambda spec: spec.method.name
)
def test_adapters_on_a_half_precision_base(qwen, rows, tmp_path, spec):
    result = train(qwen, rows(8), rows(4, 9), spec, tmp_path / "run", dtype="bfloat16")
    assert math.isfinite(result.best_loss)
    tensors = load_file(result.output / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


@pytest.mark.parametrize("spec", [FULL, LORA], ids=["full", "lora"])
def test_a_loss_that_is_nan_names_step_and_rows_and_keeps_the_weights(
    qwen, rows, tmp_path, monkeypatch, spec
):
    loss_of = InstructionTuning.loss
    calls = []

    def poisoned(self, decoder, batch):
        calls.append(batch.sources)
        loss = loss_of(self, decoder, batch)
        return loss * float("nan") if len(calls) == 5 else loss

    with monkeypatch.context() as patch:
        patch.setattr(InstructionTuning, "loss", poisoned)
        with pytest.raises(LeitaiError) as caught:
            train(qwen, rows(20), [], spec, tmp_path / "run")
    text = str(caught.value)
    assert "the loss is nan at step 5" in text
    assert all(source in text for source in calls[4])
    failure = json.loads((tmp_path / "run" / "failure.json").read_text())
    assert (failure["step"], failure["rows"]) == (5, list(calls[4]))
    kept = CheckpointStore(tmp_path / "run" / "checkpoints").load_newest()
    assert kept.step == 4
    assert all(tensor.isfinite().all() for tensor in kept.tensors["weights"].values())
    # the cause gone, the run goes on from there as if nothing had been
    after = train(qwen, rows(20), [], spec, tmp_path / "run")
    assert weights(after) == weights(train(qwen, rows(20), [], spec, tmp_path / "whole"))


def test_a_diverging_rate_stops_instead_of_training_on(qwen, rows, tmp_path):
    spec = FULL.model_copy(update={"learning_rate": 10.0, "clip": None, "epochs": 40})
    with torch.no_grad(), pytest.raises(LeitaiError, match=r"is (nan|inf)"):
        decoder = load_decoder(qwen)
        decoder.model.norm.weight.mul_(1e38)
        from leitai.models import save_decoder
        from leitai.text import copy_text_files

        save_decoder(decoder, tmp_path / "broken")
        copy_text_files(qwen, tmp_path / "broken")
        with torch.enable_grad():
            train(tmp_path / "broken", rows(8), [], spec, tmp_path / "run")


def test_rows_that_teach_nothing_are_refused_by_line(qwen, rows, tmp_path):
    spec = FULL.model_copy(update={"max_length": 12})
    with pytest.raises(LeitaiError, match=r"rows\.jsonl, line \d+: no target is left"):
        train(qwen, rows(8), [], spec, tmp_path / "run")
    silent = replace(rows(1)[0], messages=({"role": "user", "content": "hello"},))
    with pytest.raises(LeitaiError, match=r"rows\.jsonl, line 1: no message of the assistant"):
        train(qwen, [silent], [], FULL, tmp_path / "run")
    with pytest.raises(LeitaiError, match="no rows to train on"):
        train(qwen, [], [], FULL, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_tokenizer_too_large_for_the_model_is_refused(qwen, rows, tmp_path):
    from leitai.models import ModelConfig, init_decoder, read_config, save_decoder
    from leitai.text import copy_text_files

    config = ModelConfig.from_dict(read_config(qwen).to_dict() | {"vocab_size": 300})
    save_decoder(init_decoder(config, 0), tmp_path / "small")
    copy_text_files(qwen, tmp_path / "small")
    with pytest.raises(LeitaiError, match=r"gives the id \d+, the model has 300 embeddings"):
        train(tmp_path / "small", rows(8), [], FULL, tmp_path / "run")


def test_too_little_memory_is_told_before_training(qwen, rows, tmp_path, monkeypatch):
    from leitai.training import fitting

    monkeypatch.setattr(fitting, "available_bytes", lambda: 1000)
    with pytest.raises(LeitaiError, match=r"training needs 0\.0 GiB for gradients"):
        train(qwen, rows(8), [], FULL, tmp_path / "run")


def test_two_processes_do_not_share_a_folder(qwen, rows, tmp_path):
    from leitai.base.locks import run_lock

    with run_lock(tmp_path / "run"), pytest.raises(LeitaiError, match="in use by another process"):
        train(qwen, rows(8), [], FULL, tmp_path / "run")


def test_the_callers_random_numbers_are_left_alone(qwen, rows, tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train(qwen, rows(8), [], LORA, tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)


def test_prompt_weight_turns_the_objective_into_a_language_model(qwen, rows, tmp_path):
    answers = train(qwen, rows(8), rows(4, 9), FULL, tmp_path / "answers")
    spec = FULL.model_copy(update={"prompt_weight": 1.0})
    whole = train(qwen, rows(8), rows(4, 9), spec, tmp_path / "whole")
    assert whole.train_tokens == answers.train_tokens
    # all but each row's first token; validation still counts answers alone
    assert whole.target_tokens == whole.train_tokens - 8 * 3
    first = [
        next(line for line in lines(tmp_path / name) if "valid_loss" in line)["valid_bits_per_byte"]
        for name in ("answers", "whole")
    ]
    assert all(math.isfinite(bits) for bits in first)
