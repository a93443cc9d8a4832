"""Scoring and writing as they were asked for, in the numbers that a plan is made for."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from statistics import fmean

from leitai.inference.scheduler import ROWS
from leitai.planning.tasks import GenerateTask, ScoreTask

Ids = Sequence[int]
Asked = ScoreTask | GenerateTask


def task_of_scoring(pairs: Sequence[tuple[Ids, Ids]]) -> ScoreTask:
    """Return the task of scoring continuations.

    Continuations of one context that stand together are the choices of one item.

    Args:
        pairs: (context ids, continuation ids), at least one.
    """
    items = [list(group) for _, group in groupby(pairs, key=lambda pair: tuple(pair[0]))]
    contexts = [group[0][0] for group in items]
    return ScoreTask(
        items=len(items),
        context=fmean(map(len, contexts)),
        choices=max(1, round(len(pairs) / len(items))),
        answer=fmean(len(rest) for _, rest in pairs),
        shared=shared_tokens(contexts),
    )


def task_of_writing(prompts: Sequence[Ids], new_tokens: Sequence[int]) -> GenerateTask:
    """Return the task of continuing prompts by as many tokens as were written.

    As many rows as are written at once take as long as their longest; of more, the ones that end
    make room for others.

    Args:
        prompts: their ids, at least one prompt.
        new_tokens: that were written for each.
    """
    at_once = max if len(prompts) <= ROWS else fmean
    return GenerateTask(
        requests=len(prompts),
        prompt=fmean(map(len, prompts)),
        new_tokens=max(1, round(at_once(new_tokens))),
        shared=shared_tokens(prompts),
    )


def as_many(task: Asked, times: float) -> Asked:
    """Return a sample's task for so many times as many requests.

    Args:
        task: of the sample.
        times: what all requests are of the sample.
    """
    if isinstance(task, ScoreTask):
        return replace(task, items=round(times * task.items))
    return replace(task, requests=round(times * task.requests))


def shared_tokens(rows: Sequence[Ids]) -> int:
    """Count the tokens that all rows begin with, one less than the shortest row has at most."""
    if len(rows) < 2:
        return 0
    # what the first and the last in order have in common, all between them have too
    first, last = min(map(tuple, rows)), max(map(tuple, rows))
    parted = (place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return min(next(parted, len(first)), min(map(len, rows)) - 1)
