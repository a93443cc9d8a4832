"""The families' whole vocabularies in llama.cpp: the ids of texts are those of our tokenizers."""

import importlib.util
import random
import unicodedata
from pathlib import Path

import pytest

from leitai.export import export_model, find_source
from leitai.models import ModelConfig, init_decoder, save_decoder
from leitai.text import Tokenizer

llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("gguf", reason="gguf is not installed")

SIZES = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
SIZES |= {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512}
SIZES |= {"tie_word_embeddings": True}
OFFICIAL = {
    "qwen2": ("dashscope", "resources/qwen.tiktoken", 151_936, "qwen2"),
    "llama": ("llama_models", "llama3/tokenizer.model", 128_256, "llama-bpe"),
}


@pytest.fixture(scope="module", params=OFFICIAL)
def pair(request, tmp_path_factory):
    """Our tokenizer, and llama.cpp's of the exported file."""
    package, inside, size, pre = OFFICIAL[request.param]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"the package {package} is not installed (it carries {inside})")
    ranks = Path(spec.submodule_search_locations[0]) / inside
    folder = tmp_path_factory.mktemp(request.param)
    config = SIZES | {"model_type": request.param, "vocab_size": size}
    save_decoder(init_decoder(ModelConfig.from_dict(config), 0), folder)
    (folder / ranks.name).symlink_to(ranks)
    file = export_model(find_source(str(folder)), folder / "out", to="gguf", format_name="q8_0")
    peer = llama_cpp.Llama(str(file), vocab_only=True, verbose=False)
    assert peer.metadata["tokenizer.ggml.pre"] == pre
    return Tokenizer.from_folder(folder), peer


def texts():
    dice = random.Random(20240726)
    kinds = [
        lambda: chr(dice.randrange(0x20, 0x7F)),
        lambda: chr(dice.randrange(0x4E00, 0x9FA6)),
        lambda: dice.choice("\n\r\t  \u3000\xa0\u200d\ufe0f"),
        lambda: chr(dice.randrange(0x1F300, 0x1FA00)),
        lambda: dice.choice(
            ["'s", "'LL", "1234", "的", "hello", " world", "é", "Привет", "한국", "ย"]
        ),
    ]
    lengths = [dice.randrange(1, 40) for _ in range(1500)]
    return [
        *("".join(dice.choice(kinds)() for _ in range(length)) for length in lengths),
        "你好，我想退掉昨天买的书，订单号是 20260117。",
        "👩‍👩‍👧 🇨🇳 😀 naïve café",
        "def f(x):\n\treturn x ** 2  # ¥59.90\r\n\r\n",
    ]


@pytest.mark.slow
def test_ids_of_texts(pair):
    tokenizer, peer = pair
    for text in texts():
        plain = unicodedata.normalize("NFC", text)  # llama.cpp does not normalise
        found = peer.tokenize(plain.encode(), add_bos=False, special=False)
        assert found == tokenizer.encode(plain), plain


@pytest.mark.slow
def test_ids_of_control_tokens(pair):
    tokenizer, peer = pair
    for name, index in tokenizer.control.items():
        assert peer.tokenize(name.encode(), add_bos=False, special=True) == [index]
    text = "".join(f"{name}你好 {name}\n" for name in list(tokenizer.control)[:8])
    found = peer.tokenize(text.encode(), add_bos=False, special=True)
    assert found == tokenizer.encode_with_control(text)
