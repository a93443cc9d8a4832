"""Virtual tokens that are recorded from real ones give what the real ones give, in every scope."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from leitai.forest import ForestScope, Kept, PieceScope, cut, plant
from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, blocks_for
from leitai.inference.paged_attention import PagedScope, Part
from leitai.models import Causal, KeyValueCache, Prefix, init_decoder, record, scratch_config

PRESETS = ["qwen2-nano", "qwen3-nano", "llama3-nano"]
PROMPT = [7, 3, 11, 3, 20]
stems = st.lists(st.integers(0, 30), min_size=1, max_size=24)


class Embedded(Prefix):
    """Embeddings as virtual tokens."""

    def __init__(self, embeddings):
        super().__init__(len(embeddings))
        self.embeddings = nn.Parameter(embeddings)
        self.computed = 0

    def compute(self, decoder):
        self.computed += 1
        return record(decoder, self.embeddings)


@pytest.fixture(scope="module", params=PRESETS)
def decoder(request):
    return init_decoder(scratch_config(request.param, 40), 3)


def with_prefix(decoder, *, trained=False):
    decoder.prefix = None
    decoder.prefix = Embedded(decoder.model.embed_tokens(torch.tensor(PROMPT)).detach().clone())
    decoder.requires_grad_(trained)
    return decoder


def plain(decoder, rows):
    """Hidden states of each row after the prompt as real tokens, row by row."""
    decoder.prefix = None
    n = len(PROMPT)
    return [decoder(torch.tensor([[*PROMPT, *row]]))[0, n:] for row in rows]


@st.composite
def dialogues(draw):
    """Rows that share a stem, a part of it, or nothing."""
    stem = draw(stems)
    cuts = draw(st.lists(st.integers(0, len(stem)), min_size=1, max_size=5))
    return [[*stem[:cut], *draw(stems)] for cut in cuts]


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=10)
@given(rows=dialogues())
def test_padded_rows(decoder, rows):
    with torch.no_grad():
        expected = plain(decoder, rows)
        padded = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
        for number, row in enumerate(rows):
            padded[number, : len(row)] = torch.tensor(row)
        hidden = with_prefix(decoder)(padded)
        for number, row in enumerate(rows):
            close(hidden[number, : len(row)], expected[number])


@settings(deadline=None, max_examples=10)
@given(rows=dialogues(), tokens=st.integers(1, 40))
def test_forest_and_pieces(decoder, rows, tokens):
    forest = plant(rows, min_saving=1)
    kept, parts = Kept(), []
    with torch.no_grad():
        expected = plain(decoder, rows)
        with_prefix(decoder)
        whole = decoder(torch.from_numpy(forest.ids)[None], scope=ForestScope(forest))[0]
        for piece in cut(forest, tokens):
            ids = torch.from_numpy(piece.forest.ids)[None]
            parts.append(decoder(ids, scope=PieceScope(piece, kept))[0])
        for number in range(len(rows)):
            places = torch.from_numpy(forest.places(number))
            close(whole[places], expected[number])
            close(torch.cat(parts)[places], expected[number])


@settings(deadline=None, max_examples=8)
@given(rows=dialogues())
def test_gradients_of_a_forest(decoder, rows):
    with_prefix(decoder, trained=True)
    embeddings = decoder.model.embed_tokens(torch.tensor(PROMPT)).detach().clone().requires_grad_()
    decoder.prefix = None
    total = torch.zeros(())
    for row in rows:
        x = torch.cat([embeddings, decoder.model.embed_tokens(torch.tensor(row))])[None]
        total = total + decoder.run(x, Causal(), None)[0, len(PROMPT) :].sin().sum()
    names, weights = zip(*decoder.named_parameters(), strict=True)
    expected = torch.autograd.grad(total, [embeddings, *weights], allow_unused=True)

    forest = plant(rows, min_saving=1)
    with_prefix(decoder, trained=True)
    hidden = decoder(torch.from_numpy(forest.ids)[None], scope=ForestScope(forest))[0]
    ours = sum(
        hidden[torch.from_numpy(forest.places(number))].sin().sum() for number in range(len(rows))
    )
    found = torch.autograd.grad(ours, [decoder.prefix.embeddings, *weights], allow_unused=True)
    torch.testing.assert_close(ours, total, rtol=1e-5, atol=1e-4)
    scale = max(theirs.norm() for theirs in expected if theirs is not None)
    for name, mine, theirs in zip(("embeddings", *names), found, expected, strict=True):
        if theirs is not None:  # a bias of keys alone has a gradient of rounding, hence the scale
            assert (mine - theirs).norm() < 1e-4 * theirs.norm() + 1e-5 * scale, name


@settings(deadline=None, max_examples=10)
@given(steps=st.lists(st.integers(1, 9), min_size=1, max_size=4), rows=st.integers(1, 2))
def test_a_cache(decoder, steps, rows):
    ids = torch.arange(sum(steps) * rows).view(rows, -1) % 31
    with torch.no_grad():
        expected = torch.stack(plain(decoder, ids.tolist()))
        with_prefix(decoder)
        cache = KeyValueCache(decoder.config, rows)
        close(torch.cat([decoder(p, scope=cache) for p in ids.split(steps, 1)], 1), expected)


@settings(deadline=None, max_examples=10)
@given(
    rows=dialogues(),
    share=st.integers(1, 24),
)
def test_pages(decoder, rows, share):
    config = decoder.config
    group = config.num_attention_heads // config.num_key_value_heads
    pool = KeyValuePool(config, 64, dtype=torch.float32, device=torch.device("cpu"))
    tables = [[pool.take() for _ in range(blocks_for(len(row) + BLOCK_TOKENS))] for row in rows]
    with torch.no_grad():
        expected = plain(decoder, rows)
        with_prefix(decoder)
        stored, found = [0] * len(rows), [[] for _ in rows]
        for size in (share, 1, 1 << 20):
            chosen = [i for i, row in enumerate(rows) if stored[i] < len(row)]
            if not chosen:
                break
            counts = [min(size, len(rows[i]) - stored[i]) for i in chosen]
            parts = [Part(tables[i], stored[i], n) for i, n in zip(chosen, counts, strict=True)]
            ids = [
                t
                for i, n in zip(chosen, counts, strict=True)
                for t in rows[i][stored[i] : stored[i] + n]
            ]
            hidden = decoder(torch.tensor([ids]), scope=PagedScope(pool, parts, group))[0]
            for i, n, own in zip(chosen, counts, hidden.split(counts), strict=True):
                stored[i] += n
                found[i].append(own)
        assert decoder.prefix.computed == 1
        for number in range(len(rows)):
            close(torch.cat(found[number]), expected[number])


def test_without_gradients_they_are_computed_until_a_weight_changes(decoder):
    ids = torch.tensor([[1, 2, 3]])
    with_prefix(decoder)
    with torch.inference_mode():
        before = decoder(ids)
        decoder(ids)
    assert decoder.prefix.computed == 1
    with torch.no_grad():
        decoder.model.layers[0].self_attn.v_proj.weight.mul_(1.5)
        assert not torch.equal(decoder(ids), before)
        assert decoder.prefix.computed == 2
        decoder.model.layers[0].self_attn.v_proj.weight.div_(1.5)
    decoder(ids)
    assert decoder.prefix.computed == 3


def test_while_they_are_trained_they_are_computed_each_time(decoder):
    """A fused optimiser does not tell that it has changed a weight."""
    ids = torch.tensor([[1, 2, 3]])
    with_prefix(decoder)
    decoder.prefix.requires_grad_(True)
    optimizer = torch.optim.AdamW([decoder.prefix.embeddings], lr=0.1, fused=True)
    with torch.no_grad():
        before = decoder(ids)
    decoder(ids).square().sum().backward()
    optimizer.step()
    with torch.no_grad():
        assert not torch.allclose(decoder(ids), before)
