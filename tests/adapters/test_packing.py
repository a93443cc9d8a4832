import pytest
import torch

from leitai.adapters import LoRA, apply_method, packed_weights
from leitai.kernels.packed import PackedWeight
from leitai.models import Decoder, init_decoder, scratch_config


def _decoder(dropout: float = 0.0) -> Decoder:
    decoder = init_decoder(scratch_config("qwen3-nano", 300), 1).to(torch.bfloat16)
    apply_method(decoder, LoRA(rank=4, dropout=dropout), seed=2)
    for name, parameter in decoder.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return decoder


def _pass(decoder: Decoder) -> list[torch.Tensor]:
    torch.manual_seed(0)
    ids = torch.arange(70)[None] * 3
    hidden = decoder(ids)
    hidden.float().square().mean().backward()
    grads = [p.grad for p in decoder.parameters() if p.requires_grad and p.grad is not None]
    decoder.zero_grad(set_to_none=True)
    return [hidden.detach(), *grads]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_packed_weights_give_the_same_bits_and_come_back(dropout: float) -> None:
    decoder = _decoder(dropout).train()
    weight = decoder.model.layers[0].mlp.up_proj.weight
    if not PackedWeight.takes(weight):
        pytest.skip("this torch has no oneDNN products in bfloat16 here")
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    torch.manual_seed(3)
    plain = _pass(decoder)
    with packed_weights(decoder):
        assert decoder.model.layers[0].mlp.up_proj.weight.isnan().all()
        packed = _pass(decoder)
    assert len(plain) == len(packed) > 10
    assert all(map(torch.equal, plain, packed))
    after = decoder.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_other_weights_are_left_alone() -> None:
    decoder = init_decoder(scratch_config("qwen3-nano", 300), 1)
    apply_method(decoder, LoRA(rank=4), seed=2)
    weight = decoder.model.layers[0].mlp.up_proj.weight
    with packed_weights(decoder):
        assert decoder.model.layers[0].mlp.up_proj.weight is weight
