"""Recomputed activations change memory and nothing else: the same losses, gradients, bits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_trainer import FULL, LORA, stop_after, weights

from leitai.adapters import Freeze, Full, LoRA, apply_method
from leitai.base import LeitaiError
from leitai.models import init_decoder, scratch_config
from leitai.training import fitting, train
from leitai.training.batches import EncodedRow, collate
from leitai.training.loss import loss_sum


def batch_of(rows=6, shared=40, own=30):
    """Rows with a common beginning, so that the forest has something to share."""
    import numpy as np

    draws = np.random.default_rng(3)
    stem = draws.integers(0, 200, shared)
    made = []
    for _ in range(rows):
        ids = np.concatenate([stem, draws.integers(0, 200, own)])
        targets = np.arange(shared, shared + own)
        ones = np.ones(own)
        made.append(
            EncodedRow(ids, targets, ids[targets], ones.astype("f4"), ones.astype(bool), "row")
        )
    return collate(made)


@pytest.mark.parametrize(
    "method",
    [Full(), Freeze(top_blocks=2), LoRA(), LoRA(dropout=0.3), LoRA(targets=("v_proj",))],
    ids=str,
)
@pytest.mark.parametrize("name", ["qwen2-nano", "qwen3-nano", "llama3-nano"])
def test_losses_and_gradients_are_the_same_numbers(name, method):
    decoder = init_decoder(scratch_config(name, 200), 0)
    apply_method(decoder, method, 0)
    decoder.train()
    batch = batch_of()
    assert batch.ids.shape[1] < batch.tokens  # shared
    found = []
    for again in (False, True):
        decoder.activation_checkpointing = again
        decoder.zero_grad(set_to_none=True)
        torch.manual_seed(5)
        loss = loss_sum(decoder, batch)
        loss.backward()
        found.append((loss.detach(), {n: p.grad for n, p in decoder.named_parameters()}))
    assert torch.equal(found[0][0], found[1][0])
    for name_of, gradient in found[0][1].items():
        if gradient is None:
            assert found[1][1][name_of] is None
        else:
            assert torch.equal(gradient, found[1][1][name_of]), name_of


def test_blocks_keep_their_input_alone():
    decoder = init_decoder(scratch_config("qwen3-micro", 200), 0).train()
    own = {p.untyped_storage().data_ptr() for p in decoder.parameters()}
    kept = []
    for again in (False, True):
        decoder.activation_checkpointing = again
        found = {}

        def keep(tensor, found=found):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                found[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss_sum(decoder, batch_of())
        kept.append(sum(found.values()))
    assert kept[1] < kept[0] / 3


@pytest.mark.parametrize("spec", [FULL, LORA], ids=["full", "lora"])
def test_a_run_may_go_on_either_way_and_ends_with_the_same_bits(
    checkpoint, rows, tmp_path, monkeypatch, spec
):
    data = rows(23), rows(6, 23)
    kept, again = (
        spec.model_copy(update={"activation_checkpointing": value}) for value in (False, True)
    )
    whole = train(checkpoint, *data, kept, tmp_path / "whole", seed=3)
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(LeitaiError, match="stopped after step 7"):
            train(checkpoint, *data, again, tmp_path / "parts", seed=3)
    parts = train(checkpoint, *data, again, tmp_path / "parts", seed=3)
    assert weights(parts) == weights(whole)
    for name in ("metrics.jsonl", "result.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_auto_goes_by_the_memory_that_is_free(chat, rows, tmp_path, monkeypatch):
    from leitai.training.encoding import encode_rows
    from leitai.training.objectives.interface import Texts

    texts = Texts(chat, 400, tmp_path)
    encoded = encode_rows(rows(23), texts, max_length=1024, turns="all", prompt_weight=0.0)
    decoder = init_decoder(scratch_config("qwen3-nano", 400), 0)
    size = fitting.largest_step(encoded, FULL)
    assert max(len(row.ids) for row in encoded) <= size.tokens
    assert not size.accumulates
    for free, expected in ((1 << 40, False), (1 << 20, True)):
        monkeypatch.setattr(fitting, "available_bytes", lambda free=free: free)
        assert fitting.chooses_checkpointing(decoder, encoded, FULL, "float32") is expected
        never = FULL.model_copy(update={"activation_checkpointing": False})
        assert not fitting.chooses_checkpointing(decoder, encoded, never, "float32")


_FREED = """
import sys, torch
from pathlib import Path
from leitai.base.memory import give_freed_memory_back
if sys.argv[1] == "True":
    give_freed_memory_back()
del (first := [torch.ones(6 << 20)])[0]  # 24 MB: glibc keeps blocks of that size from now on
def resident():
    status = Path("/proc/self/status").read_text()
    return next(int(l.split()[1]) for l in status.splitlines() if l.startswith("VmRSS")) * 1024
before = resident()
large = []
small = []
for _ in range(30):
    large.append(torch.ones(2 << 20))
    small.append(torch.ones(1 << 10))
large.clear()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a property of glibc")
def test_freed_memory_goes_back_to_the_system():
    kept, given = (
        int(
            subprocess.run(
                [sys.executable, "-c", _FREED, str(give)],
                env=os.environ | {"PYTHONPATH": str(Path(train.__code__.co_filename).parents[2])},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for give in (False, True)
    )
    if kept < given + (1 << 20):
        pytest.skip("this C library gives it back anyway")
    assert given < 24 << 20  # of 240 MB
