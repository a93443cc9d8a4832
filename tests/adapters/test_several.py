"""Several adapters on one base: each token is read as its own adapter alone would read it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.adapters import (
    IA3,
    AdaLoRA,
    DoRA,
    LoRA,
    apply_method,
    load_adapter,
    load_adapters,
    save_adapter,
    trainable_state,
    weights_hash,
)
from leitai.base import LeitaiError
from leitai.models import load_decoder, save_decoder

METHODS = {
    "support": LoRA(rank=4, alpha=8),
    "v1.2": LoRA(rank=2, targets=("q_proj", "down_proj")),
    "dora": DoRA(rank=3),
    "adalora": AdaLoRA(rank=3, target_rank=2),
    "ia3": IA3(),
}


def save(base, folder, method, seed=3):
    decoder = load_decoder(base)
    apply_method(decoder, method, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for value in trainable_state(decoder).values():
        value.add_(0.1 * torch.randn(value.shape, generator=generator))
    save_adapter(decoder, folder, weights_hash(base))


@pytest.fixture(scope="module")
def shop(make, tmp_path_factory):
    """A base, its adapters, the decoder with all of them, and one for each alone."""
    home = tmp_path_factory.mktemp("several")
    save_decoder(make("qwen2"), home / "base")
    alone = {None: load_decoder(home / "base")}
    for name, method in METHODS.items():
        save(home / "base", home / name, method)
        alone[name] = load_decoder(home / "base")
        load_adapter(alone[name], home / name)
    decoder = load_decoder(home / "base")
    adapters = load_adapters(decoder, {name: home / name for name in METHODS}, home / "base")
    return home, decoder, adapters, alone


def logits(decoder, ids):
    with torch.no_grad():
        return decoder.logits(decoder(ids))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([None, *METHODS]), min_size=1, max_size=6), st.integers(1, 9))
def test_each_row_is_read_with_its_own_adapter(shop, names, length):
    _, decoder, adapters, alone = shop
    ids = torch.arange(len(names) * length).view(len(names), length)
    with adapters.route([(name, length) for name in names]):
        found = logits(decoder, ids)
    for row, name in enumerate(names):
        expected = logits(alone[name], ids[row : row + 1])[0]
        torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-4)


def test_outside_of_a_route_there_is_the_base(shop):
    _, decoder, adapters, alone = shop
    ids = torch.arange(12)[None]
    base = logits(alone[None], ids)
    with pytest.raises(KeyError), adapters.only("support"):
        assert not torch.allclose(logits(decoder, ids), base, atol=1e-2)
        raise KeyError
    assert torch.equal(logits(decoder, ids), base)
    with adapters.only("ia3"):
        torch.testing.assert_close(logits(decoder, ids), logits(alone["ia3"], ids))


def test_the_base_is_in_memory_once(shop):
    _, decoder, _, alone = shop
    own = sum(
        sum(p.numel() for p in one.parameters()) for name, one in alone.items() if name is not None
    )
    base = sum(p.numel() for p in alone[None].parameters())
    assert sum(p.numel() for p in decoder.parameters()) == own - (len(METHODS) - 1) * base


def test_a_name_that_is_none_is_refused(shop):
    with pytest.raises(LeitaiError, match=r"there is no adapter 'shop'.*use support, v1\.2"):
        shop[2].check("shop", "request 1")


def test_another_base_and_a_second_load_are_refused(shop, make, tmp_path):
    home, decoder, _, _ = shop
    with pytest.raises(LeitaiError, match="already has an adapter"):
        load_adapters(decoder, {"again": home / "support"})
    other = make("qwen2", seed=9)
    save_decoder(other, tmp_path / "other")
    with pytest.raises(LeitaiError, match="trained on other weights"):
        load_adapters(other, {"support": home / "support"}, tmp_path / "other")


def test_over_quantised_weights(shop):
    home, *_ = shop
    decoder, alone = (load_decoder(home / "base", dtype="nf4").float() for _ in range(2))
    adapters = load_adapters(decoder, {"support": home / "support"})
    load_adapter(alone, home / "support")
    ids = torch.arange(10)[None]
    with adapters.only("support"):
        torch.testing.assert_close(logits(decoder, ids), logits(alone, ids))
