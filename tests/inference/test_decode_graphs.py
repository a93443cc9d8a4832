"""Steps of fixed shapes: the same texts, the same numbers, and nothing that a capture forbids."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_reference import TEXTS
from test_engine import PROMPTS, alone, finish, make

from leitai.inference import Engine, forward_pass
from leitai.inference.decode_graphs import MOST_ROWS, Buffers, DecodeGraphs, StaticScope
from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, blocks_for
from leitai.inference.paged_attention import PagedScope, Part
from leitai.models import init_decoder, scratch_config

CPU = torch.device("cpu")


@pytest.fixture
def graphed(monkeypatch):
    """Let this device take the steps of fixed shapes, and count them by shape."""
    shapes = []
    launch = DecodeGraphs.logits

    def counted(self, parts, ids):
        found = launch(self, parts, ids)
        shapes.append(len(parts))
        return found

    monkeypatch.setattr(forward_pass, "GRAPHED", ("cpu",))
    monkeypatch.setattr(DecodeGraphs, "logits", counted)
    return shapes


@pytest.mark.parametrize("options", [{}, {"temperature": 1.2, "seed": 5}])
@pytest.mark.parametrize(
    "engine_options", [{}, {"speculate": False}, {"rows": 3}, {"cache_bytes": 1}]
)
def test_texts_are_those_of_whole_passes(lm, graphed, engine_options, options):
    engine = Engine(lm.decoder, **engine_options)
    handles = [engine.submit(make(lm, prompt, **options)) for prompt in PROMPTS]
    finish(engine)
    for handle, prompt in zip(handles, PROMPTS, strict=True):
        assert handle.row.ids == alone(lm, prompt, **options)
    assert len(graphed) > 5


def test_rows_come_and_go_between_steps(lm, graphed):
    engine = Engine(lm.decoder, speculate=False)
    handles, cancelled = [], []
    for number, text in enumerate(TEXTS[:6]):
        handles.append(engine.submit(make(lm, text, max_tokens=8 + number)))
        for _ in range(3):
            engine.step()
        if number == 2:
            cancelled.append(engine.submit(make(lm, TEXTS[7], max_tokens=50)))
            engine.step()
            engine.cancel(cancelled[0])
    finish(engine)
    for number, (handle, text) in enumerate(zip(handles, TEXTS, strict=False)):
        assert handle.row.ids == alone(lm, text, max_tokens=8 + number)
    assert len(set(graphed)) > 1  # of several numbers of rows


def test_what_has_several_tokens_a_row_goes_another_way():
    decoder = init_decoder(scratch_config("qwen3-nano", 100), 0)
    pool = KeyValuePool(decoder.config, 4, dtype=torch.float32, device=CPU)
    graphs = DecodeGraphs(decoder, pool)
    one, two = Part([0], 3, 1), Part([0], 3, 2)
    assert graphs.takes([one]) and graphs.takes([one] * MOST_ROWS)
    assert not graphs.takes([]) and not graphs.takes([one, two])
    assert not graphs.takes([one] * (MOST_ROWS + 1))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@torch.no_grad()
def test_a_step_equals_a_planned_pass(data):
    """Rows with shared and own blocks, filled up, steps of several shapes after each other."""
    config = scratch_config("qwen3-nano", 100)
    decoder = init_decoder(config, 0).eval()
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    pools = [KeyValuePool(config, 200, dtype=torch.float32, device=CPU) for _ in range(2)]
    for mine, theirs in zip(
        [*pools[0].keys, *pools[0].values], [*pools[1].keys, *pools[1].values], strict=True
    ):
        mine.normal_(generator=generator)
        theirs.copy_(mine)
    graphs = DecodeGraphs(decoder, pools[0])
    for _ in range(data.draw(st.integers(1, 3))):
        parts, free = [], list(range(20, 200))
        for _ in range(data.draw(st.integers(1, 9))):
            start = data.draw(st.integers(0, 160))
            shared = data.draw(st.integers(0, start // BLOCK_TOKENS))
            own = blocks_for(start + 1) - shared
            parts.append(Part([*range(shared), *(free.pop() for _ in range(own))], start, 1))
        ids = data.draw(st.lists(st.integers(0, 99), min_size=len(parts), max_size=len(parts)))
        found = graphs.logits(parts, ids)
        scope = PagedScope(
            pools[1], parts, config.num_attention_heads // config.num_key_value_heads
        )
        expected = decoder.logits(decoder(torch.tensor([ids]), scope=scope)[0])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        for mine, theirs in zip(pools[0].keys, pools[1].keys, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", ["qwen3-nano", "llama3-nano"])
@torch.no_grad()
def test_a_step_looks_at_no_value(preset):
    """The meta device has shapes and no values: whatever a branch or a size hangs on would fail."""
    config, device = scratch_config(preset, 100), torch.device("meta")
    decoder = init_decoder(config, 0).to(torch.bfloat16).to(device).eval()
    pool = KeyValuePool(config, 40, dtype=torch.bfloat16, device=device)
    buffers = Buffers.empty(4, 8, device)
    logits = decoder.logits(decoder(buffers.ids, scope=StaticScope(pool, buffers))[0])
    assert logits.shape == (4, 100)
    with pytest.raises(RuntimeError, match="meta"):  # it would be noticed
        logits.max().item()


def test_a_device_that_cannot_capture_goes_on_without(lm, graphed, monkeypatch, caplog):
    def fail(self, buffers):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(DecodeGraphs, "_prepare", fail)
    engine = Engine(lm.decoder)
    handles = [engine.submit(make(lm, prompt)) for prompt in PROMPTS[:3]]
    finish(engine)
    for handle, prompt in zip(handles, PROMPTS, strict=False):
        assert handle.row.ids == alone(lm, prompt)
    assert caplog.text.count("goes on without CUDA graphs") == 1
