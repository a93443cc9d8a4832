"""Small language models of every family with random weights, written to folders."""

import torch

from leitai.models import ModelConfig, init_decoder, save_decoder
from leitai.text import Chat, Tokenizer, train_tokenizer, write_scratch_text_files

TEXTS = [
    "Where is my order? It should have arrived on Monday, but the parcel is not here.",
    "Can I return the book I bought last week and get my money back?",
    "The invoice shows the wrong address. Please send it again, thank you!",
    "我的订单在哪里？本来星期一就应该到了，但是包裹还没有来。",
    "我可以退掉上周买的书，把钱退回来吗？谢谢！",
    "发票上的地址写错了，请重新发一份。推荐一本好看的小说吧。",
    "def add(a, b):\n    return a + b  # 1234567890 🙂🎉",
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
CONTEXT = 256


def make_checkpoint(family, folder, *, seed=0, scale=0.25):
    """Write a complete checkpoint whose next-token distributions are far from uniform."""
    tokenizer = train_tokenizer(TEXTS, family, 420)
    write_scratch_text_files(tokenizer, family, folder)
    chat = Chat.from_folder(folder, Tokenizer.from_folder(folder))
    config = ModelConfig.from_dict(
        {
            "model_type": family,
            "vocab_size": tokenizer.vocab_size + 3,  # released models round it up as well
            "hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": family != "llama",
            "bos_token_id": tokenizer.bos_id,
            "eos_token_id": list(chat.stop_ids),
            **FAMILIES[family],
        }
    )
    decoder = init_decoder(config, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.3 * noise if "norm" in name else noise * scale)
    save_decoder(decoder, folder)
    return folder
