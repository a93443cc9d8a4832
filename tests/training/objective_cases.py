"""What the tests of the objectives share: rows, decoders, gradients, whole runs."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from training_rows import CITIES, make_rows

from leitai.adapters import apply_method
from leitai.base import LeitaiError
from leitai.models import load_decoder
from leitai.text import Chat, Tokenizer
from leitai.training import AdaptSpec, train
from leitai.training import loop as loop_module
from leitai.training.batches import window_parts
from leitai.training.objectives import make_objective
from leitai.training.objectives.interface import Texts
from leitai.training.ranks import Ranks


def pairs(count, start=0):
    """Preference rows: some answers differ early, some late."""
    rows = []
    for row in make_rows(count, start):
        number = int(row.id)
        good = str(row.messages[-1]["content"])
        bad = good[:2] + CITIES[(number + 3) % 10] if number % 2 else CITIES[(number + 5) % 10]
        worse = (*row.messages[:-1], {"role": "assistant", "content": bad + "!"})
        rows.append(replace(row, rejected=worse))
    return rows


def make(checkpoint, tmp_path, **settings):
    """Return objective, decoder with the method put in and moved, and its examples' maker."""
    spec = AdaptSpec(**settings)
    decoder = load_decoder(checkpoint)
    chat = Chat.from_folder(checkpoint, Tokenizer.from_folder(checkpoint))
    texts = Texts(chat, decoder.config.vocab_size, tmp_path)
    objective = make_objective(spec)

    def ready(rows):
        examples = objective.examples(rows, texts, training=True)
        examples = objective.observe(decoder, examples, tmp_path / "noted.safetensors")
        apply_method(decoder, spec.method, 1)
        objective.attach(decoder, 1)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in decoder.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
        return examples

    return objective, decoder, ready


def gradients(objective, decoder, examples, batch_rows=100, batch_tokens=10_000):
    """Return the mean loss and its gradient, by batches of at most so many rows."""
    batches = [objective.batch(p, "cpu") for p in window_parts(examples, batch_rows, batch_tokens)]
    weight = sum(batch.weight for batch in batches)
    total = 0.0
    even = [(batch, True) for batch in batches]
    for batch, _ in objective.prepare(decoder, even, Ranks()):
        part = objective.loss(decoder, batch) / weight
        part.backward()
        total += part.item()
    return total, taken(decoder)


def taken(decoder):
    found = {n: p.grad.clone() for n, p in decoder.named_parameters() if p.grad is not None}
    decoder.zero_grad()
    return found


def assert_close(found, expected, tolerance=2e-5):
    assert found[0] == pytest.approx(expected[0], rel=tolerance)
    assert found[1].keys() == expected[1].keys()
    scale = max(g.norm().item() for g in expected[1].values())
    for name, gradient in expected[1].items():
        away = (found[1][name] - gradient).norm().item()
        assert away < tolerance * max(gradient.norm().item(), 1e-3 * scale), name


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def check_resumes(checkpoint, rows, valid, spec, tmp_path, monkeypatch, step=3):
    """Stop a run in the middle of a step, go on, and compare every byte with an unbroken run."""
    whole = train(checkpoint, rows, valid, spec, tmp_path / "whole", seed=3)
    update = loop_module.Loop._update

    def stopping(self):
        if self.step + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop_module.Loop, "_update", stopping)
        with pytest.raises(LeitaiError, match="stopped after step"):
            train(checkpoint, rows, valid, spec, tmp_path / "parts", seed=3)
    parts = train(checkpoint, rows, valid, spec, tmp_path / "parts", seed=3)
    for path in sorted(whole.output.rglob("*")):
        if path.is_file():
            other = parts.output / path.relative_to(whole.output)
            assert other.read_bytes() == path.read_bytes(), path.name
    for name in ("metrics.jsonl", "result.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    return whole


def check_accumulation(checkpoint, rows, valid, spec, tmp_path, tolerance=3e-4):
    """1 x 16 = 4 x 4, the short last window included."""
    losses = []
    for size, accumulation in ((16, 1), (4, 4)):
        changed = spec.model_copy(update={"batch_rows": size, "accumulation": accumulation})
        run = tmp_path / f"by-{size}"
        train(checkpoint, rows, valid, changed, run, seed=2)
        losses.append([line.get("loss", line.get("valid_loss")) for line in lines(run)])
    assert len(losses[0]) >= 4
    assert losses[1] == pytest.approx(losses[0], rel=tolerance, abs=1e-6)
