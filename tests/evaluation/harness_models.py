"""Tiny checkpoints with random weights, whole folders that transformers loads as well."""

import json

import torch

from leitai.models import ModelConfig, init_decoder, save_decoder
from leitai.text import Tokenizer, train_tokenizer, write_scratch_text_files

TEXTS = [
    "Where is my order? It should have arrived on Monday, but the parcel is not here.",
    "Can I return the book I bought last week and get my money back?\n\nThank you!",
    "Question: What is 12 + 30?\nAnswer: 42",
    "我的订单在哪里？本来星期一就应该到了，但是包裹还没有来。",
    "我可以退掉上周买的书，把钱退回来吗？谢谢！",
] * 3
SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FAMILIES = {
    "qwen2": {"rope_theta": 1e6},
    "qwen3": {"rope_theta": 1e6, "head_dim": 32},
    "llama": {"rope_theta": 5e5, "rope_scaling": SCALING},
}
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
    config = ModelConfig.from_dict(
        {
            "model_type": family,
            "vocab_size": tokenizer.vocab_size + 3,
            "hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": family != "llama",
            "bos_token_id": tokenizer.bos_id,
            "eos_token_id": tokenizer.eos_id,
            **FAMILIES[family],
        }
    )
    decoder = init_decoder(config, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if "norm" in name else noise * 0.25)
    save_decoder(decoder, folder)
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
