"""The sides of the work on one accelerator: `python gpu_sides.py SIDE JOB...`.

Each JOB.json is done again and again until its seconds are over, then JOB.result is written. The
first turns, in which kernels are compiled and chosen, do not count.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_work import EAGER, LIGER, OURS, PEER, PLAIN, VLLM
from material import ALPHA, RANK, SEED

from leitai.base.memory import peak_bytes

Job = dict[str, Any]
LEARNING_RATES = {True: 1e-3, False: 2e-4}
PEER_TOKENS = 32_768  # of a scoring batch, padding included


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def measured(job: Job, work: Callable[[int], tuple[float, Any]]) -> Job:
    """Do the work in turns; return units a second of each counted one, and what came of it."""
    device, rates, answers = job["device"], [], []
    end = float("inf")
    turn = 0
    while turn < job["warm"] + job["counted"] and (time.perf_counter() < end or not rates):
        if turn == job["warm"]:
            end = time.perf_counter() + job["seconds"]
        _wait(device)
        start = time.perf_counter()
        units, answer = work(turn)
        _wait(device)
        if turn >= job["warm"]:
            rates.append(units / (time.perf_counter() - start))
        answers.append(answer)
        turn += 1
    cuda = device.startswith("cuda")
    peak = torch.cuda.max_memory_allocated() if cuda else peak_bytes()
    return {"rates": rates, "peak_bytes": peak, "answers": answers}


def _train(
    job: Job,
    trained: list[torch.nn.Parameter],
    loss: Callable[[list[Any]], torch.Tensor],
    computing: Callable[[], AbstractContextManager[Any]],
) -> Job:
    """Train with AdamW as both sides do it; `loss` gives a step's mean loss with its gradient."""
    optimizer = torch.optim.AdamW(
        trained, lr=LEARNING_RATES[job["adapter"] is None], weight_decay=0.0, fused=True
    )
    steps = job["steps"]

    def work(turn: int) -> tuple[float, float]:
        rows = steps[turn % len(steps)]
        with computing():
            found = loss(rows)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return sum(len(row["ids"]) for row in rows), found.item()

    return measured(job, work)


# Leitai.


def leitai_train(job: Job, *, share: bool = True) -> Job:
    """Train; without sharing every row is computed in full, still without padding."""
    from leitai.adapters import Full, LoRA, apply_method
    from leitai.forest import plant
    from leitai.models import load_decoder
    from leitai.training import batches
    from leitai.training.loss import loss_sum
    from leitai.training.precision import WorkingCopies

    device, full = job["device"], job["adapter"] is None
    decoder = load_decoder(
        Path(job["model"]), dtype="float32" if full else "bfloat16", device=device
    )
    apply_method(decoder, Full() if full else LoRA(rank=RANK, alpha=ALPHA), SEED)
    decoder.train()
    if not share:
        batches.plant = lambda sequences, share: plant(sequences, share=False)  # type: ignore[assignment]

    def row_of(row: dict[str, list[int]]) -> batches.EncodedRow:
        ids, targets = np.asarray(row["ids"]), np.asarray(row["targets"])
        ones = np.ones(len(targets), dtype=np.float32)
        return batches.EncodedRow(ids, targets, ids[targets], ones, ones.astype(bool), "row")

    def loss(rows: list[Any]) -> torch.Tensor:
        batch = batches.collate([*map(row_of, rows)], device)
        found = loss_sum(decoder, batch) / batch.weight
        found.backward()  # type: ignore[no-untyped-call]
        return found.detach()

    trained = [p for p in decoder.parameters() if p.requires_grad]
    return _train(
        job, trained, loss, WorkingCopies(decoder, torch.bfloat16) if full else nullcontext
    )


def leitai_score(job: Job) -> Job:
    """Score all continuations of all items in one call."""
    import leitai

    lm = leitai.load(job["model"], dtype="bfloat16", device=job["device"])
    pairs = [(context, rest) for context, rests in job["items"] for rest in rests]
    return measured(
        job, lambda _: (len(job["items"]), [score.logprob for score in lm.score_ids(pairs)])
    )


def leitai_write(job: Job, *, graphs: bool = True) -> Job:
    """Write greedily, always to the full length; without graphs kernels are launched one by one."""
    import leitai
    from leitai.inference import Engine, forward_pass

    if not graphs:
        forward_pass.GRAPHED = ()
    lm = leitai.load(job["model"], dtype="bfloat16", device=job["device"])
    lm.stop_ids = ()
    lm.engine = Engine(lm.decoder, speculate=False)  # random weights repeat themselves

    def work(_: int) -> tuple[float, Any]:
        ids = [found.ids for found in lm.complete(job["prompts"], max_tokens=job["new_tokens"])]
        return sum(map(len, ids)), ids

    return measured(job, work)


# transformers and peft, plain, at the settings that suit them: right-padded rows without a mask.


def _peer(job: Job, dtype: torch.dtype) -> torch.nn.Module:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        job["model"], dtype=dtype, attn_implementation="sdpa"
    )
    return model.to(job["device"])  # type: ignore[no-any-return]


def _pad(rows: list[list[int]], device: str, filler: int = 0) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows]).to(device)


def peer_train(job: Job, *, liger: bool = False) -> Job:
    """Train with a plain loop; every weight under autocast, as `Trainer(bf16=True)` does."""
    device, full = job["device"], job["adapter"] is None
    model = _peer(job, torch.float32 if full else torch.bfloat16)
    if liger:
        from liger_kernel.transformers import _apply_liger_kernel_to_instance

        _apply_liger_kernel_to_instance(model)
    if not full:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, job["adapter"], is_trainable=True)
    model.train()

    def loss(rows: list[Any]) -> torch.Tensor:
        labels = []
        for row in rows:
            line = [-100] * len(row["ids"])
            for place in row["targets"]:
                line[place] = row["ids"][place]
            labels.append(line)
        found = model(
            input_ids=_pad([row["ids"] for row in rows], device),
            labels=_pad(labels, device, -100),
            use_cache=False,
        ).loss
        found.backward()
        return found.detach()  # type: ignore[no-any-return]

    def autocast() -> AbstractContextManager[Any]:
        return torch.autocast(device.partition(":")[0], torch.bfloat16)

    trained = [p for p in model.parameters() if p.requires_grad]
    return _train(job, trained, loss, autocast if full else nullcontext)


@torch.inference_mode()
def peer_score(job: Job) -> Job:
    """Score every continuation behind its whole context, longest together."""
    model: Any = _peer(job, torch.bfloat16).eval()
    device = job["device"]
    requests = [(context, rest) for context, rests in job["items"] for rest in rests]
    order = sorted(range(len(requests)), key=lambda i: len(requests[i][0]) + len(requests[i][1]))
    groups: list[list[int]] = []
    for i in order:
        length = len(requests[i][0]) + len(requests[i][1])
        if not groups or (len(groups[-1]) + 1) * length > PEER_TOKENS:
            groups.append([])
        groups[-1].append(i)

    def work(_: int) -> tuple[float, Any]:
        found = [0.0] * len(requests)
        for group in groups:
            chosen = [requests[i] for i in group]
            ids = _pad([context + rest[:-1] for context, rest in chosen], device)
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
            rows = [
                hidden[n, len(context) - 1 : len(context) - 1 + len(rest)]
                for n, (context, rest) in enumerate(chosen)
            ]
            targets = torch.tensor([t for _, rest in chosen for t in rest]).to(device)
            logprobs = model.lm_head(torch.cat(rows)).float().log_softmax(dim=-1)
            picked = logprobs.gather(1, targets[:, None])[:, 0].double().cpu()
            parts = picked.split([len(rest) for _, rest in chosen])
            for i, part in zip(group, parts, strict=True):
                found[i] = float(part.sum())
        return len(job["items"]), found

    return measured(job, work)


def peer_write(job: Job) -> Job:
    """Write greedily with `generate()`, always to the full length."""
    model: Any = _peer(job, torch.bfloat16).eval()
    settings = model.generation_config
    settings.eos_token_id, settings.pad_token_id = None, 0
    ids = torch.tensor(job["prompts"]).to(job["device"])

    def work(_: int) -> tuple[float, Any]:
        found = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=job["new_tokens"],
            do_sample=False,
        )[:, ids.shape[1] :]
        return found.numel(), found.tolist()

    return measured(job, work)


@cache
def _vllm(model: str) -> Any:
    """Start vLLM once for all jobs: it compiles and captures its graphs for a minute."""
    from vllm import LLM

    return LLM(
        model=model,
        dtype="bfloat16",
        skip_tokenizer_init=True,
        max_model_len=1024,
        gpu_memory_utilization=0.5,
        seed=0,
    )


def vllm_write(job: Job) -> Job:
    """Write greedily with vLLM's own engine, prefix caching on as is its default."""
    from vllm import SamplingParams

    engine = _vllm(job["model"])
    params = SamplingParams(
        temperature=0, max_tokens=job["new_tokens"], ignore_eos=True, detokenize=False
    )
    prompts = [{"prompt_token_ids": ids} for ids in job["prompts"]]

    def work(_: int) -> tuple[float, Any]:
        found = engine.generate(prompts, params, use_tqdm=False)
        ids = [list(one.outputs[0].token_ids) for one in found]
        return sum(map(len, ids)), ids

    return measured(job, work)


SIDES: dict[tuple[str, str], Callable[[Job], Job]] = {
    (OURS, "train"): leitai_train,
    (OURS, "score"): leitai_score,
    (OURS, "write"): leitai_write,
    (PLAIN, "train"): partial(leitai_train, share=False),
    (EAGER, "write"): partial(leitai_write, graphs=False),
    (PEER, "train"): peer_train,
    (PEER, "score"): peer_score,
    (PEER, "write"): peer_write,
    (LIGER, "train"): partial(peer_train, liger=True),
    (VLLM, "write"): vllm_write,
}


def main(side: str, jobs: list[Path]) -> None:
    """Do the jobs one after another."""
    for path in jobs:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        job: Job = json.loads(path.read_text(encoding="utf-8"))
        result = SIDES[side, job["kind"]](job)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(result), encoding="utf-8")
        temporary.replace(path.with_suffix(".result"))


if __name__ == "__main__":
    main(sys.argv[1], [*map(Path, sys.argv[2:])])
