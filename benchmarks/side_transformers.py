"""transformers' and peft's side of each piece of work, at the settings that suit them best here.

Rows are right-padded and no attention mask is passed: with causal attention padding on the right
changes no real token, and without a mask their attention takes the faster causal kernel.
"""

from pathlib import Path
from typing import Any

import peer_training
import torch
from measure import Watch, checksum, read_through
from peer_training import pad
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

Job = dict[str, Any]
TOKEN_BUDGET = 4096  # of a scoring batch, padding included


def load_model(job: Job) -> PreTrainedModel:
    """Load the weights in the number format of the case."""
    return AutoModelForCausalLM.from_pretrained(
        job["model"], dtype=getattr(torch, job["dtype"]), attn_implementation="sdpa"
    )


def train(job: Job) -> Job:
    """Train with a plain loop: their model and loss, torch's AdamW."""
    model: torch.nn.Module = load_model(job)
    after_update = None
    if job["adapter"]:
        from peer_adapters import adapted

        model, after_update = adapted(model, job)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]

    def mean_loss(ids: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = model(input_ids=ids, labels=labels, use_cache=False).loss
        return loss

    return peer_training.train(job, trained, mean_loss, after_update)


def score(job: Job) -> Job:
    """Score each item's continuations, every one behind its whole context."""
    model = load_model(job).eval()

    def batches(requests: list[Any]) -> list[list[Any]]:
        found: list[list[Any]] = []
        for request in sorted(requests, key=lambda r: len(r[1]) + len(r[2])):
            length = len(request[1]) + len(request[2])
            if not found or (len(found[-1]) + 1) * length > TOKEN_BUDGET:
                found.append([])
            found[-1].append(request)
        return found

    @torch.inference_mode()
    def logprobs(items: list[Any]) -> list[list[float]]:
        requests = [
            ((i, j), context, rest)
            for i, (context, rests) in enumerate(items)
            for j, rest in enumerate(rests)
        ]
        result = [[0.0] * len(rests) for _, rests in items]
        for batch in batches(requests):
            ids = pad([context + rest[:-1] for _, context, rest in batch])
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
            rows = [
                hidden[n, len(context) - 1 : len(context) - 1 + len(rest)]
                for n, (_, context, rest) in enumerate(batch)
            ]
            targets = torch.tensor([token for _, _, rest in batch for token in rest])
            all_logprobs = model.lm_head(torch.cat(rows)).log_softmax(dim=-1)
            found = all_logprobs.gather(1, targets[:, None])[:, 0].double()
            parts = found.split([len(rest) for _, _, rest in batch])
            for ((i, j), _, _), part in zip(batch, parts, strict=True):
                result[i][j] = float(part.sum())
        return result

    if job["items"]["warm"]:
        logprobs(job["items"]["warm"])
    with Watch() as watch:
        found = logprobs(job["items"]["counted"][: job["peer_items"]])
    return {
        "measures": {"items_per_second": len(found) / watch.seconds},
        "answers": {"logprobs": found},
    }


def generate(job: Job) -> Job:
    """Write greedily with `generate()`, always to the full length."""
    model = load_model(job).eval()
    settings = model.generation_config
    settings.eos_token_id, settings.pad_token_id = None, 0

    def write(runs: list[Any]) -> list[list[int]]:
        result: list[list[int]] = []
        for prompts in runs:
            ids = torch.tensor(prompts)
            found = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=job["new_tokens"],
                do_sample=False,
            )
            result += found[:, ids.shape[1] :].tolist()
        return result

    measures, answers = {}, []
    for rows, runs in job["batches"].items():
        write(runs["warm"])
        with Watch() as watch:
            ids = write(runs["counted"])
        measures[f"batch_{rows}_tokens_per_second"] = sum(map(len, ids)) / watch.seconds
        answers += ids
    return {"measures": measures, "answers": {"ids": answers}}


def load(job: Job) -> Job:
    """Load the weights and read from every page of them."""
    read_through(Path(job["model"]))
    with Watch() as watch:
        model = load_model(job)
        total = checksum(model.parameters())
    return {"measures": {"seconds": watch.seconds}, "answers": {"checksum": total}}
