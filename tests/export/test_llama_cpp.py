"""llama.cpp loads what we write and computes the same: ids, logits, greedy continuations."""

import ctypes
from pathlib import Path

import pytest
import torch

from leitai.export import export_model, find_source
from leitai.models import load_decoder
from leitai.text import Tokenizer

llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("gguf", reason="gguf is not installed")

TEXTS = [
    "Hello, world! It's 2026, isn't it? I'LL say we've 1234567 books.",
    "你好，我想退掉昨天买的书，订单号是 20260117。",
    "混排 mixed text：价格 ¥59.90，OK？\n\n  two spaces\tand a tab \r\n",
    "👩‍👩‍👧 🇨🇳 😀 naïve café Ünïcode",
    "   leading and trailing   ",
    "x = [i**2 for i in range(10)]\n\tprint(x)",
]


class Peer:
    """A model in llama.cpp, float32 keys and values, one thread."""

    def __init__(self, path: Path) -> None:
        self.llm = llama_cpp.Llama(
            str(path),
            n_ctx=256,
            n_batch=256,
            n_threads=1,
            n_threads_batch=1,
            logits_all=True,
            verbose=False,
            type_k=llama_cpp.GGML_TYPE_F32,
            type_v=llama_cpp.GGML_TYPE_F32,
            flash_attn=False,
        )

    def logits(self, ids):
        self.llm.reset()
        self.llm.eval(ids)
        size = self.llm.n_vocab()
        pointer = llama_cpp.llama_get_logits(self.llm.ctx)
        buffer = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * (size * len(ids))))
        return torch.frombuffer(bytearray(buffer.contents), dtype=torch.float32).view(-1, size)

    def ids(self, text, *, special=False, bos=False):
        return self.llm.tokenize(text.encode(), add_bos=bos, special=special)


@pytest.fixture(scope="module")
def peer_of(tmp_path_factory):
    made = {}

    def make(checkpoint, format_name):
        key = (checkpoint, format_name)
        if key not in made:
            out = tmp_path_factory.mktemp("gguf") / format_name
            file = export_model(
                find_source(str(checkpoint)), out, to="gguf", format_name=format_name
            )
            made[key] = Peer(file)
        return made[key]

    return make


def relative(found, wanted):
    return ((found - wanted).norm() / wanted.norm()).item()


@pytest.mark.parametrize(
    ("format_name", "tolerance"),
    [("f32", 2e-5), ("bf16", 2e-2), ("q8_0", 8e-2), ("q4_0", 6e-1)],
)
def test_logits(checkpoint, peer_of, format_name, tolerance):
    decoder = load_decoder(checkpoint)
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(decoder.config.vocab_size, (1, 150), generator=generator)
    with torch.inference_mode():
        wanted = decoder.logits(decoder(ids))[0]
    found = peer_of(checkpoint, format_name).logits(ids[0].tolist())
    assert relative(found, wanted) < tolerance


def test_greedy_continuation(checkpoint, peer_of):
    import leitai

    lm = leitai.load(str(checkpoint))
    prompt = lm.tokenizer.encode(TEXTS[1])
    ours = lm.complete([prompt], max_tokens=24)[0].ids
    peer, ids, theirs = peer_of(checkpoint, "f32"), list(prompt), []
    while len(theirs) < len(ours):
        theirs.append(int(peer.logits(ids)[-1].argmax()))
        ids.append(theirs[-1])
    assert theirs == list(ours)


def test_token_ids(checkpoint, peer_of):
    tokenizer = Tokenizer.from_folder(checkpoint)
    peer = peer_of(checkpoint, "f32")
    for text in TEXTS:
        assert peer.ids(text) == tokenizer.encode(text)
        assert peer.llm.detokenize(peer.ids(text)).decode() == text
    dialogue = "".join(
        f"{name}{text}" for name, text in zip(tokenizer.control, TEXTS, strict=False)
    )
    assert peer.ids(dialogue, special=True) == tokenizer.encode_with_control(dialogue)
    start = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
    assert peer.ids("a", bos=True) == [*start, *tokenizer.encode("a")]


def test_ends_of_generation(checkpoint, peer_of):
    import leitai

    lm, peer = leitai.load(str(checkpoint)), peer_of(checkpoint, "f32")
    vocabulary = llama_cpp.llama_model_get_vocab(peer.llm.model)
    ends = {
        index
        for index in range(lm.config.vocab_size)
        if llama_cpp.llama_vocab_is_eog(vocabulary, index)
    }
    assert set(lm.stop_ids) <= ends
    assert peer.llm.metadata["tokenizer.chat_template"].startswith("{")
