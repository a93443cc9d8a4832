"""Tiny checkpoints with random weights, whole folders that transformers loads as well."""

import json

from random_weights import write_random_weights

from leitai.text import Tokenizer, train_tokenizer, write_scratch_text_files

TEXTS = [
    "Where is my order? It should have arrived on Monday, but the parcel is not here.",
    "Can I return the book I bought last week and get my money back?\n\nThank you!",
    "Question: What is 12 + 30?\nAnswer: 42",
    "我的订单在哪里？本来星期一就应该到了，但是包裹还没有来。",
    "我可以退掉上周买的书，把钱退回来吗？谢谢！",
] * 3
CONTEXT = 128


def make_checkpoint(family, folder):
    """Write a checkpoint whose next-token distributions are far from uniform.

    Llama's tokenizer.json gets the post-processor that the published ones have: it begins every
    text with the BOS, which transformers needs to be told and Leitai knows of the family.
    """
    trained = train_tokenizer(TEXTS, family, 400)
    write_scratch_text_files(trained, family, folder)
    if family == "llama":
        add_bos(folder / "tokenizer.json", trained.bos_id)
    tokenizer = Tokenizer.from_folder(folder)
    write_random_weights(family, folder, tokenizer, context=CONTEXT, eos=tokenizer.eos_id)
    return folder


def add_bos(path, bos_id):
    content = json.loads(path.read_text("utf-8"))
    name = "<|begin_of_text|>"

    def begun(kind, number):
        return [
            {"SpecialToken": {"id": name, "type_id": number}},
            {"Sequence": {"id": kind, "type_id": number}},
        ]

    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": begun("A", 0),
        "pair": [*begun("A", 0), *begun("B", 1)],
        "special_tokens": {name: {"id": name, "ids": [bos_id], "tokens": [name]}},
    }
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
