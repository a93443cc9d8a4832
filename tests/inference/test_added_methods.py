"""With virtual tokens or bottleneck adapters on it, a model scores and writes alike."""

import pytest
import torch
from inference_reference import CONTEXT, TEXTS

from leitai.adapters import (
    BottleneckAdapter,
    PrefixTuning,
    PromptTuning,
    apply_method,
    save_adapter,
    weights_hash,
)
from leitai.forest import Kept, PieceScope, cut, plant
from leitai.inference import Engine, LanguageModel, encode_text
from leitai.models import KeyValueCache, load_decoder

N = 5
PROMPTS = [*TEXTS[:7], "a", "我", TEXTS[0] + TEXTS[3], TEXTS[0] + TEXTS[4]]
METHODS = {
    "prefix": PrefixTuning(virtual_tokens=N, init="random"),
    "prompt": PromptTuning(virtual_tokens=N, init="random"),
    "serial": BottleneckAdapter(size=6),
    "parallel": BottleneckAdapter(size=6, placement="parallel", scale=2.0, activation="silu"),
}


@pytest.fixture(scope="module", params=list(METHODS))
def method(request):
    return METHODS[request.param]


@pytest.fixture(scope="module")
def adapter(folders, family, method, tmp_path_factory):
    decoder = load_decoder(folders[family])
    apply_method(decoder, method, seed=7)
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if ".adapter." in name:
                parameter.normal_(0, 0.2, generator=generator)
    folder = tmp_path_factory.mktemp("adapter") / "adapter"
    save_adapter(decoder, folder, weights_hash(folders[family]))
    return folder


@pytest.fixture(scope="module")
def adapted(folders, family, adapter):
    return LanguageModel.load(folders[family], adapter=adapter)


def test_what_is_written_is_what_scores_best(adapted, lm):
    found = adapted.complete(PROMPTS, max_tokens=20)
    assert [one.ids for one in found] != [one.ids for one in lm.complete(PROMPTS, max_tokens=20)]
    pairs = [
        (encode_text(adapted.tokenizer, prompt), one.ids)
        for prompt, one in zip(PROMPTS, found, strict=True)
        if one.ids
    ]
    assert len(pairs) > 6
    assert all(score.greedy for score in adapted.score_ids(pairs))
    for prompt, ids in pairs:
        logits = adapted.logits([*prompt, *ids])
        assert logits[len(prompt) - 1 : -1].argmax(-1).tolist() == list(ids)


@pytest.mark.parametrize("limits", [{"rows": 1}, {"chunk": 16}, {"speculate": False}])
def test_small_engines_write_the_same(adapted, monkeypatch, limits):
    expected = adapted.complete(PROMPTS, max_tokens=16)
    monkeypatch.setattr(adapted, "engine", Engine(adapted.decoder, **limits))
    assert adapted.complete(PROMPTS, max_tokens=16) == expected
    assert [adapted.complete([prompt], max_tokens=16)[0] for prompt in PROMPTS] == expected


def test_peft_would_write_the_same(adapted, reference, adapter, method):
    if method.name == "bottleneck":
        pytest.skip("PEFT has no bottleneck adapters")
    peft = pytest.importorskip("peft")
    model = peft.PeftModel.from_pretrained(reference, adapter).eval()
    for one, prompt in zip(adapted.complete(PROMPTS, max_tokens=16), PROMPTS, strict=True):
        ids = encode_text(adapted.tokenizer, prompt)
        whole = torch.tensor([[*ids, *one.ids]])
        with torch.no_grad():
            logits = model(whole, attention_mask=torch.ones_like(whole)).logits
        best = logits[0, -whole.shape[1] :][len(ids) - 1 : -1].argmax(-1).tolist()
        assert best == list(one.ids)


def test_virtual_tokens_take_room_in_the_context(adapted, method):
    virtual = 0 if method.name == "bottleneck" else N
    assert adapted.context_length == CONTEXT - virtual


def test_in_bfloat16_token_by_token_as_all_at_once(folders, family, adapter):
    """One token at a time is where the compiled blocks work, or step aside."""
    decoder = LanguageModel.load(folders[family], adapter=adapter, dtype="bfloat16").decoder
    rows = [[3, 9, 27, 81, 44, 132, 96, 5]]
    cache = KeyValueCache(decoder.config, 1)
    piece = next(cut(plant(rows), 100))
    with torch.inference_mode():
        ids = torch.tensor(rows)
        whole = decoder(ids, scope=PieceScope(piece, Kept()))
        steps = torch.cat([decoder(token, scope=cache) for token in ids.split(1, 1)], 1)
    assert (steps.float() - whole.float()).norm() < 0.03 * whole.float().norm()
