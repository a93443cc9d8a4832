"""The same steps as transformers and PEFT take, on the same weights and data."""

import json

import pytest
import torch

from leitai.adapters import (
    IA3,
    AdaLoRA,
    DoRA,
    Full,
    LoRA,
    apply_method,
    load_adapter,
    save_adapter,
    weights_hash,
)
from leitai.models import load_decoder
from leitai.text import Chat, Tokenizer
from leitai.training import AdaptSpec, train
from leitai.training.batches import epoch_windows
from leitai.training.schedule import rate_factor

EPOCHS, ROWS = 3, 16


def encode(checkpoint, rows):
    chat = Chat.from_folder(checkpoint, Tokenizer.from_folder(checkpoint))
    return [chat.encode_training(row.messages) for row in rows]


def their_batch(encoded, window):
    """Right-padded ids, mask and labels as a Hugging Face collator makes them."""
    chosen = [encoded[i] for i in window]
    width = max(len(row.ids) for row in chosen)
    ids = torch.zeros((len(chosen), width), dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for n, row in enumerate(chosen):
        ids[n, : len(row.ids)] = torch.tensor(row.ids)
        mask[n, : len(row.ids)] = 1
        labels[n, : len(row.ids)] = torch.where(
            torch.tensor(row.is_target), torch.tensor(row.ids), -100
        )
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def their_run(model, encoded, spec, seed):
    """A plain loop over the same windows, with their model, their loss and torch's AdamW."""
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    matrix = [p for n, p in trained.items() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in trained.items() if p.dim() != 2 or "embed" in n]
    groups = [
        {"params": matrix, "weight_decay": spec.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], betas=spec.betas)
    windows = [
        window
        for epoch in range(spec.epochs)
        for window in epoch_windows([len(r.ids) for r in encoded], spec.batch_rows, seed, epoch)
    ]
    losses = []
    for step, window in enumerate(windows):
        loss = model(**their_batch(encoded, window)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), spec.clip)
        factor = rate_factor(step, len(windows), spec.warmup, spec.schedule)
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate * factor
        optimizer.step()
        if hasattr(model, "base_model") and hasattr(model.base_model, "update_and_allocate"):
            model.base_model.update_and_allocate(step + 1)
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


METHODS = {
    "full": Full(),
    "lora": LoRA(rank=4, alpha=8),
    "dora": DoRA(rank=4, alpha=8),
    "ia3": IA3(),
    "adalora": AdaLoRA(rank=4, target_rank=2, alpha=16, warmup=0.2, settle=0.25, every=2),
}
RATES = {"ia3": 3e-2, "adalora": 1e-2}


def their_model(base, start, method, total):
    """The same start in transformers and PEFT, ready to train."""
    transformers = pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if method.name == "full":
        return model.train()
    config = peft.PeftConfig.from_pretrained(start)
    config.inference_mode = False
    if method.name == "adalora":
        config.total_step, config.target_r = total, method.target_rank
        config.tinit, config.tfinal = int(total * method.warmup), int(total * method.settle)
        config.deltaT, config.orth_reg_weight = method.every, method.orthogonality
    model = peft.PeftModel.from_pretrained(model, start, is_trainable=True, config=config)
    return model.train()


@pytest.mark.parametrize("name", list(METHODS))
def test_steps_agree(checkpoint, rows, tmp_path, name):
    pytest.importorskip("transformers")
    method = METHODS[name]
    spec = AdaptSpec(
        method=method,
        epochs=EPOCHS,
        batch_rows=4,
        learning_rate=RATES.get(name, 3e-3),
        weight_decay=0.0 if name in ("adalora", "ia3") else 0.05,
    )
    result = train(checkpoint, rows(ROWS), [], spec, tmp_path / "run", seed=4)
    log = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    ours = [line["loss"] + line.get("penalty", 0.0) for line in log]

    if name != "full":
        start = load_decoder(checkpoint)
        apply_method(start, method, seed=4)
        save_adapter(start, tmp_path / "start", weights_hash(checkpoint))
    model = their_model(checkpoint, tmp_path / "start", method, result.steps)
    theirs = their_run(model, encode(checkpoint, rows(ROWS)), spec, seed=4)
    assert len(ours) == EPOCHS * ROWS // 4
    assert ours == pytest.approx(theirs, rel=2e-6)

    if name == "full":
        decoder = load_decoder(result.output)
    else:
        decoder = load_decoder(checkpoint)
        load_adapter(decoder, result.output, checkpoint)
    if name == "adalora":
        expected = model.peft_config["default"].rank_pattern
        config = json.loads((result.output / "adapter_config.json").read_text())
        assert config["rank_pattern"] == {
            key.replace(".default", ""): kept for key, kept in expected.items()
        }
        kept = sum(map(sum, expected.values()))
        assert kept == 2 * len(expected) < sum(map(len, expected.values()))
    ids = torch.arange(40).view(2, 20)
    with torch.no_grad():
        found, expected = decoder.logits(decoder(ids)), model.eval()(ids).logits
        base = load_decoder(checkpoint)
        moved = (expected - base.logits(base(ids))).norm() / expected.norm()
    assert (found - expected).norm() / expected.norm() < 1e-5 < 0.02 < moved
