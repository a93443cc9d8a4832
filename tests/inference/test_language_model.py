"""Loading, logits, chat and embeddings."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from inference_reference import TEXTS

import leitai
from leitai.base import LeitaiError
from leitai.inference import LanguageModel, encode_text

MESSAGES = [{"role": "user", "content": "Where is my order? 我的订单在哪里？"}]


@pytest.fixture
def copy(folders, tmp_path):
    return shutil.copytree(folders["qwen3"], tmp_path / "model")


def test_load_is_at_the_top_of_the_package(folders, family, lm):
    loaded = leitai.load(str(folders[family]))
    assert loaded.stop_ids == lm.stop_ids
    assert loaded.context_length == 256
    assert loaded.config == lm.config
    assert not loaded.decoder.training


def test_logits_equal_the_references(lm, reference):
    ids = encode_text(lm.tokenizer, TEXTS[0])
    ours = lm.logits(ids)
    with torch.no_grad():
        theirs = reference(torch.tensor([ids])).logits[0]
    assert ours.shape == (len(ids), lm.config.vocab_size)
    assert ours.dtype == torch.float32
    assert ((ours - theirs).abs().max() / theirs.abs().max()).item() < 1e-4
    assert torch.equal(lm.logits(torch.tensor(ids)), ours)


def test_chat_writes_what_follows_the_official_prompt(lm):
    ids = lm.chat_format.encode_prompt(MESSAGES)
    expected = lm.generate(ids, max_tokens=12)
    assert lm.chat(MESSAGES, max_tokens=12) == expected
    assert "".join(lm.stream_chat(MESSAGES, max_tokens=12)) == expected


def test_chat_passes_thinking_date_and_tools_on(lm, monkeypatch):
    seen = []

    def encode(messages, **options):
        seen.append(options)
        return [5, 6]

    monkeypatch.setattr(lm.chat_format, "encode_prompt", encode)
    tools = [{"type": "function", "function": {"name": "f"}}]
    lm.chat(MESSAGES, thinking=False, date="26 Jul 2024", tools=tools, max_tokens=1)
    list(lm.stream_chat(MESSAGES, thinking=True, max_tokens=1))
    assert seen == [
        {"tools": tools, "date": "26 Jul 2024", "thinking": False},
        {"tools": None, "date": None, "thinking": True},
    ]


def test_embeddings_are_the_normalised_mean_of_the_last_hidden_states(lm, reference):
    texts = ["", "a", *TEXTS[:7]]
    ours = lm.embed(texts)
    for text, vector in zip(texts, ours, strict=True):
        ids = encode_text(lm.tokenizer, text)
        with torch.no_grad():
            hidden = reference.model(torch.tensor([ids])).last_hidden_state[0]
        if len(ids) > 1 and ids[0] == lm.tokenizer.bos_id:
            hidden = hidden[1:]
        expected = torch.nn.functional.normalize(hidden.mean(dim=0), dim=0)
        torch.testing.assert_close(vector, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.norm(dim=-1), torch.ones(len(texts)))
    assert lm.embed([]).shape == (0, lm.config.hidden_size)
    with pytest.raises(LeitaiError, match="text 2"):
        lm.embed(["a", "long " * 600])


def test_lower_precision_loads_and_scores_nearly_the_same(folders, family, lm):
    half = LanguageModel.load(folders[family], dtype="bfloat16")
    assert half.decoder.dtype == torch.bfloat16
    request = [{"context": "Where is", "continuation": " my order?"}]
    ours, exact = half.score(request)[0], lm.score(request)[0]
    assert ours.logprob == pytest.approx(exact.logprob, rel=0.05, abs=0.5)
    assert isinstance(half.generate("a", max_tokens=3), str)


def test_an_adapter_is_put_on_the_model(folders, family, lm, tmp_path):
    from leitai.adapters import LoRA, apply_method, save_adapter, weights_hash
    from leitai.models import load_decoder

    decoder = load_decoder(folders[family])
    apply_method(decoder, LoRA(rank=4, alpha=16), seed=0)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.2, generator=torch.Generator().manual_seed(1))
    save_adapter(decoder, tmp_path / "adapter", weights_hash(folders[family]))
    loaded = LanguageModel.load(folders[family], adapter=tmp_path / "adapter")
    ids = encode_text(lm.tokenizer, TEXTS[0])
    with torch.no_grad():
        expected = decoder.eval().logits(decoder(torch.tensor([ids])))[0]
    torch.testing.assert_close(loaded.logits(ids), expected, rtol=0, atol=1e-4)
    assert not torch.allclose(loaded.logits(ids), lm.logits(ids), atol=1e-2)


@pytest.mark.parametrize("several", [False, True])
def test_an_adapter_of_another_base_is_refused(folders, family, copy, tmp_path, several):
    from leitai.adapters import LoRA, apply_method, save_adapter, weights_hash
    from leitai.models import load_decoder, save_decoder

    decoder = load_decoder(folders[family])
    with torch.no_grad():
        decoder.model.norm.weight[0] += 1
    save_decoder(decoder, copy)
    apply_method(decoder, LoRA(rank=2), seed=0)
    save_adapter(decoder, tmp_path / "adapter", weights_hash(folders[family]))
    given = {"adapters": {"a": tmp_path / "adapter"}} if several else {}
    with pytest.raises(LeitaiError, match=r"trained on other weights.*give the base") as caught:
        LanguageModel.load(copy, **given or {"adapter": tmp_path / "adapter"})
    assert "\n" not in str(caught.value)


def test_a_folder_without_tokenizer_says_so(copy):
    for path in copy.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(LeitaiError, match="tokenizer"):
        LanguageModel.load(copy)


def test_a_tokenizer_larger_than_the_embedding_is_refused(copy):
    from leitai.models import ModelConfig, init_decoder, save_decoder

    config = json.loads((copy / "config.json").read_text())
    config = ModelConfig.from_dict(config | {"vocab_size": 300})
    save_decoder(init_decoder(config, 0), copy)
    with pytest.raises(LeitaiError, match=r"tokenizer has .* ids"):
        LanguageModel.load(copy)


def test_a_model_without_template_still_scores(copy):
    (copy / "chat_template.jinja").unlink()
    lm = LanguageModel.load(copy)
    assert lm.score([{"context": "a", "continuation": "b"}])[0].tokens > 0
    with pytest.raises(LeitaiError, match="chat template"):
        lm.chat(MESSAGES)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "tpu", "mps", "meta", "cpu:0", "cuda:-1"])
def test_a_device_that_is_not_there_is_named(folders, device):
    with pytest.raises(LeitaiError, match="device"):
        LanguageModel.load(folders["qwen2"], device=device)


@pytest.mark.parametrize("ids", [[], [-1], [10_000], list(range(257))])
def test_sequences_that_cannot_be_are_refused(lm, ids):
    with pytest.raises(LeitaiError, match="ids"):
        lm.logits(ids)


def test_the_package_itself_does_not_import_torch():
    code = "import sys, leitai; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
