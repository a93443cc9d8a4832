"""Requests that name their adapter: together they are answered as each alone."""

import pytest
import torch

from leitai.base import LeitaiError
from leitai.inference import LanguageModel

PROMPT = "Where is the parcel that I have ordered a week ago, and who has it now? Tell me: "


@pytest.fixture(scope="module")
def shop(folders, family, tmp_path_factory):
    from leitai.adapters import (
        DoRA,
        LoRA,
        apply_method,
        save_adapter,
        trainable_state,
        weights_hash,
    )
    from leitai.models import load_decoder

    home = tmp_path_factory.mktemp("adapters")
    for seed, (name, method) in enumerate(
        {"red": LoRA(rank=4), "blue": LoRA(rank=2), "green": DoRA(rank=2)}.items()
    ):
        decoder = load_decoder(folders[family])
        apply_method(decoder, method, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        for key, value in trainable_state(decoder).items():
            if "lora_B" in key:
                value.normal_(0, 0.3, generator=generator)
        save_adapter(decoder, home / name, weights_hash(folders[family]))
    names = ("red", "blue", "green")
    several = LanguageModel.load(folders[family], adapters={name: home / name for name in names})
    alone = {name: LanguageModel.load(folders[family], adapter=home / name) for name in names}
    return several, alone | {None: LanguageModel.load(folders[family])}


def test_rows_of_different_adapters_are_written_together(shop):
    several, alone = shop
    chosen = ["red", None, "blue", "red", "green", "blue"]
    prompts = [PROMPT, PROMPT, PROMPT, PROMPT + "Now.", PROMPT, "x"]
    found = several.complete(prompts, adapters=chosen, max_tokens=24)
    for prompt, name, one in zip(prompts, chosen, found, strict=True):
        assert one.ids == alone[name].complete([prompt], max_tokens=24)[0].ids
    assert len({tuple(one.ids) for one in found[:3]}) == 3


def test_prefixes_are_not_shared_between_adapters(shop):
    several, alone = shop
    messages = [{"role": "user", "content": PROMPT * 3}]
    first = {n: several.chat(messages, adapter=n, max_tokens=8) for n in ("red", None, "blue")}
    for name in ("blue", "red", None):  # prefixes are remembered now
        answer = several.chat(messages, adapter=name, max_tokens=8)
        assert answer == first[name] == alone[name].chat(messages, max_tokens=8)
    streamed = "".join(several.stream(PROMPT, adapter="red", max_tokens=8))
    assert streamed == several.generate(PROMPT, adapter="red", max_tokens=8)


def test_requests_are_scored_with_their_adapters(shop):
    several, alone = shop
    request = {"context": PROMPT, "continuation": "the courier"}
    chosen = ["red", None, "green", "red"]
    found = several.score([request] * 4, adapter=chosen)
    for name, score in zip(chosen, found, strict=True):
        expected = alone[name].score([request])[0]
        assert score.logprob == pytest.approx(expected.logprob, rel=1e-5)
    assert several.score([request], adapter="red")[0].logprob == pytest.approx(found[0].logprob)
    assert found[0].logprob != pytest.approx(found[1].logprob, rel=1e-3)


def test_wrong_names_are_refused(shop):
    several, alone = shop
    for call in (
        lambda: several.generate("a", adapter="yellow"),
        lambda: several.score([{"context": "a", "continuation": "b"}], adapter="yellow"),
        lambda: several.chat([{"role": "user", "content": "a"}], adapter="yellow"),
    ):
        with pytest.raises(LeitaiError, match=r"there is no adapter 'yellow'.*use red, blue"):
            call()
    with pytest.raises(LeitaiError, match="load adapters by name"):
        alone[None].generate("a", adapter="red")
    with pytest.raises(LeitaiError, match="2 adapters are named for 1 requests"):
        several.complete(["a"], adapters=["red", "blue"])
