"""lm-evaluation-harness's side of scoring: its Hugging Face back end, on the same token ids."""

from typing import Any

from lm_eval.models.huggingface import HFLM
from measure import Watch

Job = dict[str, Any]


def score(job: Job) -> Job:
    """Score the first items' continuations."""
    model = HFLM(
        pretrained=job["model"],
        dtype=job["dtype"],
        device="cpu",
        batch_size=job["peer_batch"],
        attn_implementation="sdpa",
    )

    def logprobs(items: list[Any]) -> list[list[float]]:
        requests = [(("", ""), context, rest) for context, rests in items for rest in rests]
        found = iter(model._loglikelihood_tokens(requests, disable_tqdm=True))
        return [[next(found)[0] for _ in rests] for _, rests in items]

    logprobs([[context, rests[:1]] for context, rests in job["items"]["warm"]])
    items = job["items"]["counted"][: job["peer_items"]]
    with Watch() as watch:
        found = logprobs(items)
    return {
        "measures": {"items_per_second": len(found) / watch.seconds},
        "answers": {"logprobs": found},
    }
