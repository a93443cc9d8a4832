"""Rows of several lengths, and a checkpoint so small that a step takes milliseconds."""

from pathlib import Path

from leitai.data import Row
from leitai.models import ModelConfig, init_decoder, save_decoder
from leitai.text import Chat, train_tokenizer, write_scratch_text_files

CITIES = ["Oslo", "Lima", "Paris", "Rome", "Bern", "Kyiv", "Riga", "Doha", "Baku", "Minsk"]
TEXTS = [f"where is the parcel to {city}" for city in CITIES] + ["订单到哪里了", "我要退货"]


def make_rows(count: int, start: int = 0) -> list[Row]:
    """Rows of several lengths whose answer follows from the question."""
    rows = []
    for number in range(start, start + count):
        words = " ".join(CITIES[(number * k + k) % 10] for k in range(1, 2 + number % 5))
        text = f"{TEXTS[number % len(TEXTS)]} {words}"
        answer = f"{CITIES[number % 10]} {CITIES[(number * 3 + 1) % 10]}"
        rows.append(
            Row(
                id=str(number),
                messages=(
                    {"role": "user", "content": text},
                    {"role": "assistant", "content": answer[: 3 + number % 7]},
                ),
                source=f"rows.jsonl, line {number + 1}",
            )
        )
    return rows


def make_checkpoint(folder: Path, family: str, *, hidden: int = 32, layers: int = 2) -> Path:
    """Write a random model, so small that a step takes a few milliseconds."""
    texts = [str(m["content"]) for row in make_rows(60) for m in row.messages]
    tokenizer = train_tokenizer(texts, family, 340)
    write_scratch_text_files(tokenizer, family, folder)
    config = ModelConfig.from_dict(
        {
            "model_type": family,
            "vocab_size": tokenizer.vocab_size,
            "hidden_size": hidden,
            "intermediate_size": 48,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": hidden // 4,
            "max_position_embeddings": 256,
            "initializer_range": 0.1,
            "tie_word_embeddings": family != "llama",
            "eos_token_id": list(Chat.from_folder(folder, tokenizer).stop_ids),
        }
    )
    save_decoder(init_decoder(config, seed=1), folder)
    return folder
