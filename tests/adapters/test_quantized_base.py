"""LoRA over quantised weights: gradients, files, and what PEFT makes of them."""

import pytest
import torch
from torch import nn

from leitai.adapters import (
    LoRA,
    apply_method,
    load_adapter,
    merge,
    save_adapter,
    trainable_state,
    weights_hash,
)
from leitai.adapters.low_rank import QuantizedLoRALinear
from leitai.base import LeitaiError
from leitai.models import QuantizedLinear, load_decoder
from leitai.models.quantized import BITS

IDS = torch.arange(30).view(2, 15)
METHOD = LoRA(rank=4, alpha=6, targets=("q_proj", "v_proj", "down_proj"))


@pytest.fixture(params=list(BITS))
def dtype(request):
    return request.param


def logits(decoder):
    with torch.no_grad():
        return decoder.logits(decoder(IDS)).float()


def quantized(base, dtype):
    return load_decoder(base, dtype=dtype, quantize_head=False).float()


def dequantized(base, dtype):
    """The same numbers as a plain decoder."""
    decoder = quantized(base, dtype)
    for name, module in list(decoder.named_modules()):
        if isinstance(module, QuantizedLinear):
            plain = nn.Linear(module.in_features, module.out_features, bias=False)
            plain.weight, plain.bias = nn.Parameter(module.dequantized()), module.bias
            owner, _, leaf = name.rpartition(".")
            setattr(decoder.get_submodule(owner), leaf, plain)
    return decoder


def stir(decoder):
    generator = torch.Generator().manual_seed(3)
    for name, value in trainable_state(decoder).items():
        if "lora_B" in name:
            value.normal_(0, 0.1, generator=generator)
    return decoder


def gradients(decoder):
    decoder.train()
    decoder.logits(decoder(IDS)).logsumexp(-1).mean().backward()
    return {n: p.grad for n, p in decoder.named_parameters() if p.grad is not None}


def test_loss_and_gradients_are_those_over_the_dequantised_weights(base, dtype):
    narrow, plain = quantized(base, dtype), dequantized(base, dtype)
    for decoder in (narrow, plain):
        apply_method(decoder, METHOD, seed=5)
        stir(decoder)
    assert sum(isinstance(m, QuantizedLoRALinear) for m in narrow.modules()) == 9
    found, expected = gradients(narrow), gradients(plain)
    assert found.keys() == expected.keys() and len(found) == 18
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(logits(narrow.eval()), logits(plain.eval()), rtol=1e-4, atol=1e-4)


def test_the_adapter_is_plain_lora_of_the_unquantised_base(base, dtype, tmp_path):
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    decoder = quantized(base, dtype)
    apply_method(decoder, METHOD, seed=5)
    stir(decoder).eval()
    save_adapter(decoder, tmp_path / "adapter", weights_hash(base))
    whole = load_decoder(base)
    load_adapter(whole, tmp_path / "adapter", base)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(model, tmp_path / "adapter").eval()
    with torch.no_grad():
        torch.testing.assert_close(logits(whole), model(IDS).logits, rtol=2e-5, atol=2e-5)
    again = quantized(base, dtype)
    load_adapter(again, tmp_path / "adapter", base)
    assert torch.equal(logits(again), logits(decoder))


def test_merging_into_quantised_weights_is_refused(base):
    decoder = quantized(base, "nf4")
    apply_method(decoder, METHOD)
    with pytest.raises(LeitaiError, match="cannot be merged into quantised weights"):
        merge(decoder)
