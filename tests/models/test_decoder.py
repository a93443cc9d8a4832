"""The decoder against transformers, in fp32 on random weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models_reference import TINY, make_reference, relative_difference, save_reference
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm

from leitai.models import Causal, Decoder, KeyValueCache, ModelConfig, load_decoder
from leitai.models.norm import RMSNorm

LIMIT = 1e-4


@pytest.fixture(scope="module", params=list(TINY))
def pair(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    reference = save_reference(TINY[request.param], folder)
    return reference, load_decoder(folder)


def some_ids(rows, length, seed=0):
    return torch.randint(0, 307, (rows, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 2, 17, 130, 700])
def test_logits_equal_the_references(pair, length):
    reference, decoder = pair
    ids = some_ids(2, length)
    ours = decoder.logits(decoder(ids))
    assert relative_difference(ours, reference(ids).logits) < LIMIT


@torch.no_grad()
def test_hidden_is_after_the_final_norm(pair):
    reference, decoder = pair
    ids = some_ids(1, 9)
    theirs = reference.model(ids).last_hidden_state
    assert relative_difference(decoder(ids), theirs) < LIMIT


def test_tensor_names_are_hugging_faces(pair):
    reference, decoder = pair
    theirs = {name: tuple(p.shape) for name, p in reference.named_parameters()}
    assert {name: tuple(p.shape) for name, p in decoder.state_dict().items()} == theirs


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_split_through_the_cache_equals_one_pass(pair, data):
    _, decoder = pair
    length = data.draw(st.integers(1, 90))
    cuts = sorted(data.draw(st.sets(st.integers(1, length), max_size=6)) | {length})
    ids = some_ids(2, length, seed=length)
    with torch.no_grad():
        whole = decoder.logits(decoder(ids))
        cache = KeyValueCache(decoder.config, 2, capacity=data.draw(st.sampled_from([0, 40, 128])))
        parts, start = [], 0
        for cut in cuts:
            parts.append(decoder(ids[:, start:cut], scope=cache))
            start = cut
        split = decoder.logits(torch.cat(parts, dim=1))
    assert relative_difference(split, whole) < 1e-5


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    more=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_rows_of_different_lengths_share_a_cache(pair, lengths, more):
    """Right-padded prompts, then steps of any width: each row as if it were alone."""
    _, decoder = pair
    total = max(lengths) + sum(more)
    ids = some_ids(len(lengths), total, seed=total)
    with torch.no_grad():
        cache = KeyValueCache(decoder.config, len(lengths))
        prompt = ids[:, : max(lengths)].clone()
        for row, length in enumerate(lengths):
            prompt[row, length:] = 305
        decoder(prompt, scope=cache)
        cache.set_lengths(lengths)
        done = list(lengths)
        for width in more:
            step = torch.stack([ids[row, at : at + width] for row, at in enumerate(done)])
            hidden = decoder(step, scope=cache)
            done = [at + width for at in done]
        for row, end in enumerate(done):
            alone = decoder(ids[row : row + 1, :end])[0, -width:]
            assert relative_difference(hidden[row], alone) < 1e-5


@torch.no_grad()
def test_padding_changes_nothing(pair):
    _, decoder = pair
    ids = some_ids(2, 30)
    padded = torch.cat([ids, torch.full((2, 11), 303)], dim=1)
    torch.testing.assert_close(decoder(padded)[:, :30], decoder(ids), rtol=0, atol=2e-5)


@torch.no_grad()
def test_positions_shift_the_rotation_alone(pair):
    """Attention sees differences of positions only, so a common shift leaves the output."""
    _, decoder = pair
    ids = some_ids(1, 20)
    shifted = decoder(ids, scope=Placed(torch.arange(20)[None] + 50))
    torch.testing.assert_close(shifted, decoder(ids), rtol=0, atol=2e-4)
    stretched = decoder(ids, scope=Placed(torch.arange(20)[None] * 3))
    assert (stretched - decoder(ids)).abs().max() > 1e-2


@pytest.mark.parametrize("name", list(TINY))
def test_gradients_equal_the_references(name):
    reference = make_reference(TINY[name])
    decoder = Decoder(ModelConfig.from_dict(TINY[name]))
    decoder.load_state_dict(dict(reference.named_parameters()))
    ids, weights = some_ids(2, 25), torch.randn(2, 25, 307)
    (decoder.logits(decoder(ids)) * weights).sum().backward()
    (reference(ids).logits * weights).sum().backward()
    theirs = dict(reference.named_parameters())
    for key, parameter in decoder.named_parameters():
        assert relative_difference(parameter.grad, theirs[key].grad) < LIMIT, key


@torch.no_grad()
def test_casting_leaves_rotary_angles_in_full_precision():
    """A decoder cast to bf16 and back rotates as before: angles are no weights."""
    decoder = Decoder(ModelConfig.from_dict(TINY["llama3.2"]))
    before = decoder._rotary(torch.tensor([[900]]), torch.float32)
    after = decoder.bfloat16()._rotary(torch.tensor([[900]]), torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@torch.no_grad()
@pytest.mark.parametrize("name", ["qwen2-tied", "qwen3-tied", "llama3.2"])
def test_bfloat16_stays_as_near_as_the_reference_does(name):
    """Rounding differs by kernel, so both are held against fp32 and must be off about alike."""
    reference = make_reference(TINY[name])
    decoder = Decoder(ModelConfig.from_dict(TINY[name]))
    decoder.load_state_dict(dict(reference.named_parameters()))
    ids = some_ids(2, 60)
    exact = reference(ids).logits
    theirs = relative_difference(reference.bfloat16()(ids).logits.float(), exact)
    decoder = decoder.bfloat16()
    ours = relative_difference(decoder.logits(decoder(ids)).float(), exact)
    assert ours < 1.5 * theirs + 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_norm_is_the_references_bit_for_bit(dtype):
    """Statistics in fp32 whatever the dtype: in fp16, squares of values above 256 overflow."""
    ours, theirs = RMSNorm(64, 1e-6), Qwen3RMSNorm(64, 1e-6)
    with torch.no_grad():
        ours.weight.normal_(1, 0.3, generator=torch.Generator().manual_seed(0))
        theirs.weight.copy_(ours.weight)
        x = (some_ids(9, 64).float() * 3 - 400).to(dtype)
        expected = theirs.to(dtype)(x)
        assert torch.isfinite(expected).all()
        assert torch.equal(ours.to(dtype)(x), expected)


class Placed(Causal):
    """Causal attention at other positions."""

    def __init__(self, positions):
        self._positions = positions

    def begin(self, steps, device, virtual=None):
        return self._positions


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_states_at_places_are_those_of_the_whole_pass(pair, data):
    """Any places, in any order, none, and more of them than tokens; with gradients too."""
    _, decoder = pair
    length = data.draw(st.integers(1, 60))
    places = torch.tensor(
        data.draw(st.lists(st.integers(0, length - 1), max_size=80)), dtype=torch.int64
    )
    ids = some_ids(1, length, seed=length)
    weight = decoder.model.layers[0].mlp.up_proj.weight
    found = decoder(ids, places=places)
    expected = decoder(ids).index_select(1, places)
    assert found.shape == expected.shape
    if len(places):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        grads = [torch.autograd.grad(x.square().sum(), weight)[0] for x in (found, expected)]
        assert relative_difference(*grads) < LIMIT
