"""lm-evaluation-harness gets from our engine what its Hugging Face back end gives it."""

import json
import random

import pytest
import torch
import transformers

pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'leitai[lm-eval]'")

from harness_models import CONTEXT, make_checkpoint
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from random_weights import FAMILIES

from leitai.adapters import LoRA, apply_method, save_adapter, trainable_state, weights_hash
from leitai.base import LeitaiError
from leitai.evaluation.harness import LeitaiLM
from leitai.models import load_decoder

CONVERSATION = [
    {"role": "system", "content": "You are brief. 请简短。"},
    {"role": "user", "content": "Where is my order?"},
    {"role": "assistant", "content": "On its way.  "},
    {"role": "user", "content": "还要多久？"},
]
WORDS = [
    "order",
    " book",
    "？谢谢",
    " Monday",
    "\n\n",
    " 42",
    "Answer:",
    " the",
    "我的",
    "  ",
    "!",
    " x",
]


@pytest.fixture(scope="module", params=list(FAMILIES))
def folder(request, tmp_path_factory):
    return make_checkpoint(request.param, tmp_path_factory.mktemp("models") / request.param)


@pytest.fixture(scope="module")
def theirs(folder):
    return HFLM(str(folder), device="cpu", dtype="float32", batch_size=1)


@pytest.fixture(scope="module")
def ours(folder):
    return LeitaiLM(folder)


def instances(kind, arguments):
    return [Instance(kind, {}, args, number) for number, args in enumerate(arguments)]


def texts(count, longest, seed):
    dice = random.Random(seed)
    return ["".join(dice.choices(WORDS, k=dice.randint(1, longest))) for _ in range(count)]


def both(ours, theirs, kind, arguments):
    requests = instances(kind, arguments)
    return (getattr(model, kind)(requests, disable_tqdm=True) for model in (ours, theirs))


def test_ids_are_the_same(ours, theirs):
    chat = theirs.apply_chat_template(CONVERSATION)
    strange = ["", " ", "a  b\t\n", "<|im_end|>", "<|begin_of_text|>x", "<|eot_id|> y", "🙂", chat]
    for text in [*texts(200, 12, 0), *strange]:
        assert ours.tok_encode(text) == theirs.tok_encode(text)
        for flag in (True, False):
            assert ours.tok_encode(text, flag) == theirs.tok_encode(text, flag)
    assert ours.tok_encode(chat, left_truncate_len=5) == theirs.tok_encode(
        chat, left_truncate_len=5
    )
    assert ours.prefix_token_id == theirs.prefix_token_id
    assert ours.eot_token_id == theirs.eot_token_id
    assert ours.max_length == theirs.max_length == CONTEXT


def test_loglikelihood_item_by_item(ours, theirs):
    dice = random.Random(1)
    contexts = [f"{text}." for text in texts(24, 10, 2)] + [
        "",
        "Question: ",
        "order  ",
        "<|begin_of_text|>order",
    ]
    arguments = [
        (context, dice.choice(["", " "]) + dice.choice(["order", "42", "谢谢", "book the Monday"]))
        for context in contexts
        for _ in range(4)
    ]
    # too long: the context loses its beginning, on both sides at the same token
    arguments += [("order book " * 90, " Monday"), ("的" * 400, " 42")]
    found, expected = both(ours, theirs, "loglikelihood", arguments)
    assert len(found) == len(arguments) and len({round(value, 3) for value, _ in found}) > 50
    for (value, greedy), (reference, is_greedy) in zip(found, expected, strict=True):
        assert value == pytest.approx(reference, abs=2e-4)
        assert greedy is is_greedy


def test_greedy_flags_are_true_where_they_are(ours, theirs):
    prompts = texts(8, 6, 3)
    written = ours.generate_until(
        instances("generate_until", [(p, {"max_gen_toks": 1}) for p in prompts]), True
    )
    arguments = [(p, w) for p, w in zip(prompts, written, strict=True) if w.strip("\ufffd")]
    found, expected = both(ours, theirs, "loglikelihood", arguments)
    assert [flag for _, flag in found] == [flag for _, flag in expected]
    assert any(flag for _, flag in found)


def test_rolling_in_windows(ours, theirs):
    arguments = [(text,) for text in [*texts(6, 20, 4), "order book Monday " * 60, "的" * 300]]
    found, expected = both(ours, theirs, "loglikelihood_rolling", arguments)
    assert found == pytest.approx(expected, abs=2e-3)
    assert ours.loglikelihood_rolling(instances("loglikelihood_rolling", [("",)]), True) == (
        [0] if ours.tokenizer.bos_id is None else [pytest.approx(found[0], abs=1e3)]
    )


SETTINGS = [
    {"max_gen_toks": 24},
    {"until": ["\n\n", "e"], "max_gen_toks": 30, "do_sample": False},
    {"until": " ", "max_new_tokens": 16, "temperature": 0.0},
    {"until": ["order", "的", "er", "r"], "max_gen_toks": 40},
    {"until": [], "max_gen_toks": 20, "repetition_penalty": 1.3},
    {"until": ["|>"], "max_gen_toks": 60},  # stands in the name of every special token
]


def test_generate_until_item_by_item(ours, theirs):
    prompts = [*texts(5, 8, 5), "order book Monday " * 60, ""]
    if ours.tokenizer.bos_id is None:
        prompts.pop()  # transformers cannot continue nothing
    arguments = [(prompt, dict(setting)) for prompt in prompts for setting in SETTINGS]
    found, expected = both(ours, theirs, "generate_until", arguments)
    assert found == expected
    assert len(set(found)) > 10


def test_writing_ends_where_the_files_say(folder, tmp_path):
    """The ids of generation_config.json and of the tokenizer, and its repetition penalty."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    config = json.loads((copy / "generation_config.json").read_text())
    ids = sorted(LeitaiLM(folder).tokenizer.special.values())
    config |= {"eos_token_id": ids, "repetition_penalty": 1.2}
    (copy / "generation_config.json").write_text(json.dumps(config))
    arguments = [(prompt, {"max_gen_toks": 40}) for prompt in texts(24, 8, 6)]
    ours, theirs = LeitaiLM(copy), HFLM(str(copy), device="cpu", dtype="float32", batch_size=1)
    found, expected = both(ours, theirs, "generate_until", arguments)
    assert found == expected
    config["eos_token_id"] = ids[:1]
    (copy / "generation_config.json").write_text(json.dumps(config))
    later = LeitaiLM(copy).generate_until(instances("generate_until", arguments), True)
    assert found != later
    for longer, text in zip(later, found, strict=True):
        assert longer.startswith(text.rstrip("\ufffd"))  # an end may be inside a character


@pytest.mark.parametrize("end", ["e", 70])
def test_answers_follow_the_end_of_thinking(folder, end):
    arguments = [(prompt, {"max_gen_toks": 40}) for prompt in texts(6, 8, 7)]
    theirs = HFLM(str(folder), device="cpu", dtype="float32", batch_size=1, think_end_token=end)
    found, expected = both(
        LeitaiLM(folder, think_end_token=end), theirs, "generate_until", arguments
    )
    assert found == expected


def test_chat_templates(ours, theirs):
    assert ours.chat_template(True) == theirs.chat_template(True)
    assert ours.chat_template(False) is None
    assert ours.tokenizer_name and "/" not in ours.tokenizer_name
    assert ours.apply_chat_template(CONVERSATION) == theirs.apply_chat_template(CONVERSATION)
    opened = [*CONVERSATION, {"role": "assistant", "content": "About "}]
    for prefix in ("About", "About ", "大约"):
        opened[-1]["content"] = prefix
        assert ours.apply_chat_template(opened, False) == theirs.apply_chat_template(opened, False)


def test_shorter_contexts_and_no_bos(folder, caplog):
    options = {"max_length": 40, "add_bos_token": False}
    theirs = HFLM(str(folder), device="cpu", dtype="float32", batch_size=1, **options)
    ours = LeitaiLM(folder, **options)
    long = "order book Monday " * 20
    found, expected = both(
        ours, theirs, "loglikelihood", [(long, " 42"), ("", "order"), ("x", "y")]
    )
    assert [flag for _, flag in found] == [flag for _, flag in expected]
    assert [v for v, _ in found] == pytest.approx([v for v, _ in expected], abs=2e-4)
    found, expected = both(ours, theirs, "loglikelihood_rolling", [(long,)])
    assert found == pytest.approx(expected, abs=2e-3)
    assert "1 requests cut from the left" in caplog.text
    caplog.clear()
    found, expected = both(ours, theirs, "generate_until", [(long, {"max_gen_toks": 20})])
    assert found == expected
    assert "1 requests cut from the left" in caplog.text


def test_adapters(folder, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is not installed: HFLM's way to an adapter")
    decoder = load_decoder(folder)
    apply_method(decoder, LoRA(rank=4), seed=0)
    generator = torch.Generator().manual_seed(0)
    for key, value in trainable_state(decoder).items():
        if "lora_B" in key:
            value.normal_(0, 0.2, generator=generator)
    save_adapter(decoder, tmp_path / "adapter", weights_hash(folder), base_name=str(folder))
    arguments = [(text + ".", " Monday") for text in texts(6, 8, 9)]
    # HFLM's own `peft` also drops the rows of the head that have no token: other probabilities
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(model, str(tmp_path / "adapter")).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = HFLM(model, tokenizer=tokenizer, batch_size=1)
    ours = LeitaiLM(folder, adapter=tmp_path / "adapter")
    found, expected = both(ours, theirs, "loglikelihood", arguments)
    assert [v for v, _ in found] == pytest.approx([v for v, _ in expected], abs=2e-4)
    plain = LeitaiLM(folder).loglikelihood(instances("loglikelihood", arguments), True)
    assert [v for v, _ in found] != pytest.approx([v for v, _ in plain], abs=0.1)
    arguments = [(text, {"max_gen_toks": 12}) for text, _ in arguments]
    found, expected = both(ours, theirs, "generate_until", arguments)
    assert found == expected


def test_mistakes_are_named(folder, ours):
    with pytest.raises(LeitaiError, match="max_length = 4096"):
        LeitaiLM(folder, max_length=4096)

    def write(**settings):
        ours.generate_until(instances("generate_until", [("order", settings)]), True)

    with pytest.raises(LeitaiError, match="num_beams = 4 is not supported"):
        write(num_beams=4, max_gen_toks=9)
    with pytest.raises(LeitaiError, match="max_gen_toks"):
        write(max_gen_toks=CONTEXT)
    with pytest.raises(LeitaiError, match="temperature 0"):
        write(do_sample=True, max_gen_toks=9)
    with pytest.raises(LeitaiError, match="no token of its own"):
        ours._loglikelihood_tokens([(("a", "b"), [1], [])])


def test_a_context_of_white_space(ours):
    """Its spaces belong to the continuation, which then has the empty context's."""
    found = ours.loglikelihood(instances("loglikelihood", [(" ", "order"), ("", " order")]), True)
    assert found[0] == found[1]


def test_drawing_is_seeded_and_within_the_settings(ours):
    settings = {"do_sample": True, "temperature": 1.0, "top_k": 5, "max_gen_toks": 20}
    requests = instances("generate_until", [(text, settings) for text in texts(4, 6, 8)])
    first = ours.generate_until(requests, True)
    assert first == ours.generate_until(requests, True)
    greedy = {"max_gen_toks": 20}
    plain = instances("generate_until", [(text, greedy) for text in texts(4, 6, 8)])
    assert first != ours.generate_until(plain, True)
