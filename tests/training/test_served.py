"""What is served is what was trained: a loaded adapter scores the loss that the run reports."""

import pytest
import torch

from leitai.adapters import BottleneckAdapter, LoRA, PrefixTuning, PromptTuning
from leitai.inference import LanguageModel
from leitai.training import AdaptSpec, train

METHODS = {
    "lora": LoRA(rank=4),
    "prefix": PrefixTuning(virtual_tokens=6),
    "projected prefix": PrefixTuning(virtual_tokens=6, init="random", projection=16),
    "prompt": PromptTuning(virtual_tokens=6, init_text="where is the parcel"),
    "bottleneck": BottleneckAdapter(size=8),
}


@pytest.mark.parametrize("name", METHODS)
def test_scores_are_the_reported_loss_and_writing_is_greedy(checkpoint, rows, tmp_path, name):
    spec = AdaptSpec(
        method=METHODS[name], epochs=8, batch_rows=4, learning_rate=0.01, weight_decay=0.0
    )
    held_out = rows(10, 40)
    result = train(checkpoint, rows(40), held_out, spec, tmp_path / "run", seed=3)
    model = LanguageModel.load(checkpoint, adapter=result.output)
    nats, count = 0.0, 0
    for row in held_out:
        encoded = model.chat_format.encode_training(row.messages)
        pairs = [
            (encoded.ids[:place], encoded.ids[place : place + 1])
            for place, target in enumerate(encoded.is_target)
            if target
        ]
        nats -= sum(score.logprob for score in model.score_ids(pairs))
        count += len(pairs)
    assert nats / count == pytest.approx(result.best_loss, rel=1e-5)

    before = LanguageModel.load(checkpoint)
    prompt = model.chat_format.encode_prompt(held_out[0].messages[:1])
    (written,) = model.complete([prompt], max_tokens=8)
    with torch.no_grad():
        assert not torch.allclose(model.logits(prompt), before.logits(prompt), atol=1e-2)
    if written.ids:
        assert model.score_ids([(prompt, written.ids)])[0].greedy
