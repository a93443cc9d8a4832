"""What 8 and 4 bits cost in quality, as a Markdown table.

    python benchmarks/quantization.py --model FOLDER --data FILE [--rows N] [--save]

Conversations of FILE (any form that `leitai train` reads) go through the model eight tokens at a
time, as decoding computes them: with native kernels, that includes activations of 8 bits. Per
format: the mean Kullback-Leibler divergence from bfloat16's next-token distribution, in bits; how
often the likeliest token is the same; and the bits per byte of the answers. All are taken over the
tokens of each conversation's last answer and its end.
"""

import argparse
import math
from pathlib import Path

import torch
from page import conditions, described, fill, grid, keep
from torch.nn.functional import log_softmax

from leitai.data import DataSource, load_rows
from leitai.inference import LanguageModel
from leitai.kernels import status
from leitai.kernels.matvec import MOST_VECTORS
from leitai.models import KeyValueCache

FORMATS = ("bfloat16", "int8", "int4")


def distributions(model: LanguageModel, ids: list[int]) -> torch.Tensor:
    """Return the log-probabilities after each token, [T, V]."""
    cache = KeyValueCache(model.config, 1, capacity=len(ids))
    with torch.inference_mode():
        parts = [
            model.decoder.logits(model.decoder(part, scope=cache))
            for part in torch.tensor([ids]).split(MOST_VECTORS, dim=1)
        ]
    return log_softmax(torch.cat(parts, dim=1)[0].float(), dim=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", required=True, help="a file, or bookshop")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--save", action="store_true", help="keep the results and fill the page")
    options = parser.parse_args()
    about = conditions(rounds=1)
    source = (
        DataSource(set="bookshop") if options.data == "bookshop" else DataSource(path=options.data)
    )
    rows = load_rows(source, base_folder=Path.cwd(), data_root=None)[-options.rows :]
    models = {name: LanguageModel.load(options.model, dtype=name) for name in FORMATS}
    totals = {name: [0.0, 0.0, 0.0] for name in FORMATS}
    tokens = size = 0
    for row in rows:
        encoded = models["bfloat16"].chat_format.encode_training(row.messages, turns="last")
        ids = encoded.ids
        targets = [i for i, is_target in enumerate(encoded.is_target) if is_target]
        before = [i - 1 for i in targets]
        found = {name: distributions(model, ids)[before] for name, model in models.items()}
        size += len(row.messages[-1]["content"].encode("utf-8"))
        tokens += len(targets)
        wanted = torch.tensor([ids[i] for i in targets])[:, None]
        reference = found["bfloat16"]
        for name, other in found.items():
            totals[name][0] += (reference.exp() * (reference - other)).sum().item()
            totals[name][1] += (reference.argmax(-1) == other.argmax(-1)).sum().item()
            totals[name][2] -= other.gather(1, wanted).sum().item()
    bit = math.log(2)
    table = grid(
        ("weights", "KL(bfloat16, this), bits", "same likeliest token", "bits per byte"),
        [
            (
                name,
                f"{divergence / bit / tokens:.5f}",
                f"{same / tokens:.2%}",
                f"{loss / bit / size:.4f}",
            )
            for name, (divergence, same, loss) in totals.items()
        ],
    )
    words = (
        f"{len(rows):,} conversations, {tokens:,} tokens and {size:,} bytes of answers; "
        f"native: {status()}"
    )
    print(f"{words}\n\n{table}")
    if options.save:
        keep("quantization", {options.model.name: about | {"totals": totals, "words": words}})
        fill("quantization", f"{table}\n\n{words}; {described(about)}.")


if __name__ == "__main__":
    main()
