"""What of a run is kept in its checkpoints, and how it goes on from there."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from leitai.adapters import trainable_state
from leitai.training.checkpoint import Checkpoint
from leitai.training.early_stopping import EarlyStopping
from leitai.training.meter import Totals
from leitai.training.optimizer import optimizer_tensors, restore_optimizer

if TYPE_CHECKING:
    from leitai.training.loop import Loop


def save(loop: "Loop") -> None:
    """Write a checkpoint of the run as it is."""
    state = {
        "identity": dict(loop.identity),
        "totals": asdict(loop.totals),
        "early": loop.early.to_dict(),
        "best_step": None if loop.early.best_loss is None else loop.early.best_step,
        "threads": torch.get_num_threads(),
        "ranks": loop.ranks.count,
    }
    moments = optimizer_tensors(loop.optimizer, loop.parameters)
    loop.store.save(
        loop.step,
        state,
        trainable_state(loop.decoder),
        moments,
        loop.hooks.state(),
        None if loop.average is None else loop.average.tensors,
    )


def resume(loop: "Loop", checkpoint: Checkpoint) -> None:
    """Go on from a checkpoint of the same run."""
    weights = checkpoint.tensors["weights"]
    with torch.no_grad():
        for name, parameter in loop.parameters.items():
            parameter.copy_(loop.ranks.like(parameter, weights[name]))
    moments = checkpoint.tensors["optimizer"]
    restore_optimizer(loop.optimizer, loop.parameters, moments, loop.ranks.like)
    loop.hooks.restore(checkpoint.tensors["method"])
    if loop.average is not None:
        average = checkpoint.tensors["average"]
        loop.average.restore(loop.ranks.likes(loop.parameters, average))
    state = checkpoint.state
    loop.step = checkpoint.step
    loop.totals = Totals(**state["totals"])
    loop.early = EarlyStopping(**state["early"])
    for what, now in (("threads", torch.get_num_threads()), ("ranks", loop.ranks.count)):
        if state[what] != now:
            loop.store.notes.append(
                f"resumed with {now} {what} instead of {state[what]}: "
                "the last bits of the weights may differ from those of an uninterrupted run"
            )


def take_best(loop: "Loop") -> None:
    """Put the weights that validated best into the decoder; without validation, the last."""
    if loop.early.best_loss is None:
        if loop.average is not None:
            loop.average.exchange(loop.parameters)
        return
    if loop.average is None and loop.early.best_step == loop.step:
        return
    best = loop.store.load_best(loop.early.best_step)
    with torch.no_grad():
        for name, parameter in loop.parameters.items():
            parameter.copy_(loop.ranks.like(parameter, best[name]))
