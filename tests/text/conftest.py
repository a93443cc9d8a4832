"""Official tokenizers and templates, as the packages of their makers carry them."""

import importlib.util
import json
import random
from pathlib import Path

import pytest

from leitai.text import Chat, Tokenizer

QWEN_SPECIAL = [
    *("endoftext", "im_start", "im_end", "object_ref_start", "object_ref_end", "box_start"),
    *("box_end", "quad_start", "quad_end", "vision_start", "vision_end", "vision_pad"),
    *("image_pad", "video_pad"),
]
QWEN25_CONTROL = [
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]
QWEN3_CONTROL = [*QWEN25_CONTROL, "<tool_response>", "</tool_response>", "<think>", "</think>"]


def package_file(package: str, inside: str) -> Path:
    """Return a file of an installed package, or skip the test and say why."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"the package {package} is not installed (it carries {inside})")
    path = Path(spec.submodule_search_locations[0]) / inside
    if not path.exists():
        pytest.skip(f"this version of {package} carries no {inside}")
    return path


@pytest.fixture(scope="session")
def qwen_ranks() -> Path:
    return package_file("dashscope", "resources/qwen.tiktoken")


@pytest.fixture(scope="session")
def llama_ranks() -> Path:
    return package_file("llama_models", "llama3/tokenizer.model")


@pytest.fixture(scope="session")
def qwen(qwen_ranks) -> Tokenizer:
    return Tokenizer.from_file(qwen_ranks)


@pytest.fixture(scope="session")
def llama(llama_ranks) -> Tokenizer:
    return Tokenizer.from_file(llama_ranks)


def added_tokens_decoder(control: list[str]) -> dict[str, dict]:
    names = [f"<|{name}|>" for name in QWEN_SPECIAL] + control
    return {
        str(151643 + index): {"content": name, "special": name not in control}
        for index, name in enumerate(names)
    }


@pytest.fixture(scope="session")
def official(tmp_path_factory, request):
    """Give `official(name)`: the Chat of a template of trl with the family's tokenizer."""
    tokenizers: dict[str, Tokenizer] = {}

    def tokenizer_for(name: str) -> Tokenizer:
        kind = "llama" if name.startswith("llama") else name.split("_")[0]
        if kind not in tokenizers:
            folder = tmp_path_factory.mktemp(kind)
            if kind == "llama":
                ranks = request.getfixturevalue("llama_ranks")
                config = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
            else:
                ranks = request.getfixturevalue("qwen_ranks")
                control = QWEN3_CONTROL if kind == "qwen3" else QWEN25_CONTROL
                config = {
                    "bos_token": None,
                    "eos_token": "<|im_end|>",
                    "pad_token": "<|endoftext|>",
                    "added_tokens_decoder": added_tokens_decoder(control),
                }
            (folder / ranks.name).symlink_to(ranks)
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
            # Read again from tokenizer.json: it normalises as transformers does.
            Tokenizer.from_folder(folder).save(folder)
            tokenizers[kind] = Tokenizer.from_folder(folder)
        return tokenizers[kind]

    def make(name: str) -> Chat:
        path = package_file("trl", f"chat_templates/{name}.jinja")
        return Chat(tokenizer_for(name), {"default": path.read_text("utf-8")}, where=path)

    return make


@pytest.fixture(scope="session")
def reference(official):
    """Give `reference(name)`: transformers' tokenizer with the same files as `official(name)`."""
    transformers = pytest.importorskip("transformers")
    import tokenizers as library

    backends: dict[int, object] = {}

    def make(name: str):
        chat = official(name)
        tokenizer = chat.tokenizer
        if id(tokenizer) not in backends:
            backends[id(tokenizer)] = transformers.PreTrainedTokenizerFast(
                tokenizer_object=library.Tokenizer.from_str(tokenizer.to_json()),
                bos_token=tokenizer.token_name(tokenizer.bos_id),
                eos_token=tokenizer.token_name(tokenizer.eos_id),
            )
        template = package_file("trl", f"chat_templates/{name}.jinja").read_text("utf-8")

        def apply(messages, **options):
            return backends[id(tokenizer)].apply_chat_template(
                messages, chat_template=template, **options
            )

        return apply

    return make


@pytest.fixture(scope="session")
def strange_texts() -> list[str]:
    """Short texts out of everything that tokenizers stumble over, always the same ones."""
    dice = random.Random(20240726)

    def character() -> str:
        kinds = [
            lambda: chr(dice.randrange(0x20, 0x7F)),
            lambda: chr(dice.randrange(0x4E00, 0x9FA6)),
            lambda: chr(dice.randrange(0x300, 0x370)),
            lambda: dice.choice("\n\r\t  \u3000\xa0\u200b\u200d\ufe0f\x00\x1f\x85\u2028"),
            lambda: chr(dice.randrange(0x1F300, 0x1FA00)),
            lambda: chr(dice.randrange(0xD800, 0xE000)),
            lambda: chr(dice.randrange(0x110000)),
        ]
        return dice.choice(kinds)()

    pieces = ["<|im_end|>", "<|eot_id|>", "<|extra_0|>", "'s", "'S", "'ſ", "aaa", "   ", "\n\n"]
    pieces += ["\r\n", "...", "你好", "的", "a", "ab", "1", "12", "1234", "  \n", "é", "e\u0301"]
    pieces += ["\u0323\u0301", "\u08ca\u0323", "가", "ㄱ", "한국", "👩‍👩‍👧", "🇨🇳", "def f(x):\n\t"]
    texts = ["".join(character() for _ in range(dice.randrange(1, 60))) for _ in range(3000)]
    texts += [
        "".join(dice.choice(pieces) * dice.randrange(1, 5) for _ in range(dice.randrange(1, 15)))
        for _ in range(3000)
    ]
    texts += [
        dice.randbytes(dice.randrange(1, 60)).decode("utf-8", "surrogateescape")
        for _ in range(1000)
    ]
    for unit in ("a", "ab", " ", "=", "的", "哈", "0", "\n", "\t", "x y ", "\x00", "😀", "aA"):
        texts += [unit * count for count in (*range(1, 24), 63, 64, 65, 500, 501, 2000)]
    return texts
