"""Training every weight with products in bfloat16: float32 weights, nearly the float32 run."""

import json

import pytest
import torch
from safetensors.torch import load_file
from test_trainer import FULL, lines, stop_after, weights

from leitai.adapters import Freeze, Full, apply_method
from leitai.base import LeitaiError
from leitai.models import init_decoder, scratch_config
from leitai.training import create_scratch, train
from leitai.training.checkpoint import CheckpointStore
from leitai.training.loss import loss_sum
from leitai.training.precision import WorkingCopies


def test_the_loss_stays_within_a_percent_of_float32(rows, tmp_path):
    nano = tmp_path / "nano"
    texts = [str(m["content"]) for row in rows(60) for m in row.messages]
    create_scratch("qwen3-nano", texts, nano, vocab_size=340, seed=1)
    spec = FULL.model_copy(update={"learning_rate": 1e-3, "max_steps": 30, "epochs": 9})
    curves = []
    for dtype in ("float32", "bfloat16"):
        train(nano, rows(40), rows(8, 40), spec, tmp_path / dtype, seed=1, dtype=dtype)
        curves.append([line["loss"] for line in lines(tmp_path / dtype) if "loss" in line])
    assert len(curves[0]) == 30 and curves[0][-1] < 0.75 * curves[0][0]
    assert curves[0] != curves[1]
    assert curves[1] == pytest.approx(curves[0], rel=0.01)


@pytest.mark.parametrize("method", [Full(), Freeze(top_blocks=1)], ids=["full", "freeze"])
def test_weights_and_moments_are_float32_and_a_stopped_run_resumes_to_the_same_bits(
    checkpoint, rows, tmp_path, monkeypatch, method
):
    spec = FULL.model_copy(update={"method": method})
    data = rows(23), rows(6, 23)
    whole = train(checkpoint, *data, spec, tmp_path / "whole", seed=3, dtype="bfloat16")
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(LeitaiError, match="stopped after step 7"):
            train(checkpoint, *data, spec, tmp_path / "parts", seed=3, dtype="bfloat16")
    kept = CheckpointStore(tmp_path / "parts" / "checkpoints").load_newest()
    assert {t.dtype for part in kept.tensors.values() for t in part.values()} == {torch.float32}
    with pytest.raises(LeitaiError, match="dtype was bfloat16, is now float32"):
        train(checkpoint, *data, spec, tmp_path / "parts", seed=3)
    parts = train(checkpoint, *data, spec, tmp_path / "parts", seed=3, dtype="bfloat16")
    assert weights(parts) == weights(whole)
    assert json.loads((tmp_path / "whole" / "result.json").read_text())["identity"]["dtype"]
    before, after = (load_file(f / "model.safetensors") for f in (checkpoint, whole.output))
    assert {t.dtype for t in after.values()} == {torch.float32}
    if isinstance(method, Freeze):
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        assert moved == {n for n in before if n.startswith(("model.layers.1.", "model.norm."))}


@pytest.mark.parametrize("name", ["qwen2-nano", "qwen3-nano", "llama3-nano"])
@pytest.mark.parametrize("again", [False, True])
def test_gradients_come_to_rest_in_float32(name, again):
    from test_activation_checkpointing import batch_of

    decoder = init_decoder(scratch_config(name, 200), 0)
    apply_method(decoder, Full(), 0)
    decoder.train()
    loss_sum(decoder, batch_of()).backward()
    exact = {n: p.grad for n, p in decoder.named_parameters()}
    decoder.zero_grad(set_to_none=True)
    decoder.activation_checkpointing = again
    parameters = dict(decoder.named_parameters())
    copies = WorkingCopies(decoder, torch.bfloat16)
    with copies():
        assert decoder.compute_dtype == decoder.head_weight.dtype == torch.bfloat16
        for _ in range(2):  # two batches of a step hang on the same copies
            loss_sum(decoder, batch_of()).backward()
    assert dict(decoder.named_parameters()) == parameters
    for key, parameter in parameters.items():
        assert parameter.dtype == parameter.grad.dtype == torch.float32
        error = (parameter.grad / 2 - exact[key]).norm() / exact[key].norm().clamp_min(1e-3)
        assert error < 0.05, key


def test_a_token_at_many_places_is_learnt_in_float32():
    """Summed up in bfloat16, ones would stop at 256."""
    decoder = init_decoder(scratch_config("qwen3-nano", 50), 0)
    with WorkingCopies(decoder, torch.bfloat16)():
        decoder.model.embed_tokens(torch.zeros(2000, dtype=torch.int64)).sum().backward()
    assert decoder.model.embed_tokens.weight.grad[0, 0] == 2000
