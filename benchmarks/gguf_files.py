"""Random weights in the shape of Qwen2.5-0.5B as GGUF files, for llama.cpp's own benchmarks.

    .venv-peers/bin/python benchmarks/gguf_files.py FOLDER

Writes `bf16.gguf`, `q8_0.gguf` and `q4_0.gguf`. No vocabulary is needed: the benchmarks draw ids.
"""

import sys
from pathlib import Path

import gguf
import numpy as np

WIDTH, BLOCKS, INNER, HEADS, KEY_HEADS, KEYS, VOCABULARY = 896, 24, 4864, 14, 2, 128, 151_936
# name -> (the tensors' type, the file's type in llama.h)
KINDS = {
    "bf16": (gguf.GGMLQuantizationType.BF16, 32),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, 7),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, 2),
}
BLOCK = {
    **{"attn_q": (WIDTH, WIDTH), "attn_k": (KEYS, WIDTH), "attn_v": (KEYS, WIDTH)},
    **{"attn_output": (WIDTH, WIDTH), "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH)},
    "ffn_down": (WIDTH, INNER),
}


def write(path: Path, kind: str) -> None:
    """Write one file."""
    stored, file_type = KINDS[kind]
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(32_768)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    writer.add_file_type(file_type)
    draws = np.random.default_rng(0)
    drawn: dict[
        tuple[int, int], np.ndarray
    ] = {}  # blocks may be alike: speed does not depend on it

    def matrix(name: str, shape: tuple[int, int]) -> None:
        if shape not in drawn:
            numbers = 0.02 * draws.standard_normal(shape, dtype=np.float32)
            drawn[shape] = gguf.quants.quantize(numbers, stored)
        writer.add_tensor(f"{name}.weight", drawn[shape].copy(), raw_dtype=stored)

    def vector(name: str, size: int) -> None:
        writer.add_tensor(name, np.ones(size, np.float32))

    matrix("token_embd", (VOCABULARY, WIDTH))
    vector("output_norm.weight", WIDTH)
    for number in range(BLOCKS):
        block = f"blk.{number}."
        for name in ("attn_norm", "ffn_norm"):
            vector(f"{block}{name}.weight", WIDTH)
        for name, shape in BLOCK.items():
            matrix(block + name, shape)
        for name in ("attn_q", "attn_k", "attn_v"):
            vector(f"{block}{name}.bias", BLOCK[name][0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(folder: Path) -> None:
    """Write all files that are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        path = folder / f"{kind}.gguf"
        if not path.exists():
            write(path.with_suffix(".part"), kind)
            path.with_suffix(".part").rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
