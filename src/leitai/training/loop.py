"""The training loop: one step after another, each decided by the seed and its number alone."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from leitai.adapters import trainable_state
from leitai.base import LeitaiError
from leitai.base.files import write_json
from leitai.base.progress import progress
from leitai.models import Decoder
from leitai.training.batches import Example, Ints, epoch_windows, generator, window_parts
from leitai.training.checkpoint import Checkpoint, CheckpointStore
from leitai.training.early_stopping import EarlyStopping
from leitai.training.interrupts import deferred_interrupts
from leitai.training.meter import Meter, Totals
from leitai.training.metrics import MetricsLog
from leitai.training.objectives.interface import Batch, Objective
from leitai.training.optimizer import make_optimizer, optimizer_tensors, restore_optimizer, set_rate
from leitai.training.schedule import rate_factor
from leitai.training.spec import AdaptSpec

CHECKPOINT_SECONDS = 30.0  # what a kill may cost
CHECKPOINT_SHARE = 0.02  # of the time may go into writing checkpoints
EVALUATION_ROWS = 64  # without gradients, more rows fit at once
_NAMED_ROWS = 8
_NOISE_STREAM = 1  # parts the random numbers of noise and masks from those of the order


@dataclass
class Loop:
    """One run in progress.

    Attributes:
        decoder: prepared by `apply_method`.
        train: rows to learn from.
        valid: rows to stop by; may be empty.
        spec: how to train.
        seed: of order, noise and dropout.
        objective: what is learnt.
        identity: stored with each checkpoint.
        run_folder: gets the metrics and, with a failure, its rows.
        store: the run's checkpoints.
        title: of the progress bar.
        checkpoint_every: steps between checkpoints; None goes by the clock.
        step: updates done.
    """

    decoder: Decoder
    train: Sequence[Example]
    valid: Sequence[Example]
    spec: AdaptSpec
    seed: int
    objective: Objective[Any, Any]
    identity: Mapping[str, Any]
    run_folder: Path
    store: CheckpointStore
    title: str = "training"
    checkpoint_every: int | None = None
    step: int = 0
    totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        spec = self.spec
        self.device = str(self.decoder.device)
        self.window = spec.batch_rows * spec.accumulation
        self.steps_per_epoch = math.ceil(len(self.train) / self.window)
        self.total = min(spec.epochs * self.steps_per_epoch, spec.max_steps or 1 << 62)
        self.early = EarlyStopping(spec.patience)
        self.parameters: dict[str, nn.Parameter] = {
            name: p for name, p in self.decoder.named_parameters() if p.requires_grad
        }
        self.optimizer = make_optimizer(self.decoder, spec)
        fixed = self.objective.vary(self.valid, generator(self.seed), training=False)
        by_length = sorted(fixed, key=lambda row: row.length)
        self._valid_groups = [
            self._batches(by_length[start : start + EVALUATION_ROWS], EVALUATION_ROWS)
            for start in range(0, len(by_length), EVALUATION_ROWS)
        ]
        self._valid_bytes = sum(row.answer_bytes for row in self.valid)
        self._windows: tuple[int, list[Ints]] = (-1, [])
        self._lengths = [row.length for row in self.train]

    def _batches(self, examples: Sequence[Example], batch_rows: int) -> list[Batch]:
        return [
            self.objective.batch(part, self.device)
            for part in window_parts(examples, batch_rows, self.spec.batch_tokens)
        ]

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same run."""
        weights = checkpoint.tensors["weights"]
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(weights[name])
        restore_optimizer(self.optimizer, self.parameters, checkpoint.tensors["optimizer"])
        state = checkpoint.state
        self.step = checkpoint.step
        self.totals = Totals(**state["totals"])
        self.early = EarlyStopping(**state["early"])
        if state["threads"] != torch.get_num_threads():
            self.store.notes.append(
                f"resumed with {torch.get_num_threads()} threads instead of {state['threads']}: "
                "the last bits of the weights may differ from those of an uninterrupted run"
            )

    def _save(self) -> None:
        state = {
            "identity": dict(self.identity),
            "totals": asdict(self.totals),
            "early": self.early.to_dict(),
            "best_step": None if self.early.best_loss is None else self.early.best_step,
            "threads": torch.get_num_threads(),
        }
        moments = optimizer_tensors(self.optimizer, self.parameters)
        self.store.save(self.step, state, trainable_state(self.decoder), moments)

    def run(self) -> None:
        """Train until the steps or the patience are used up.

        Raises:
            LeitaiError: a loss or gradient is no longer finite, the user interrupts (a checkpoint
                is written first in both cases), or the disk is full.
        """
        before, start = self.totals.seconds, time.perf_counter()
        saved_at, saving = start, 0.0
        metrics = MetricsLog(self.run_folder / "metrics.jsonl", self.step)
        clock = MetricsLog(self.run_folder / "clock.jsonl", self.step)
        self.decoder.train()
        with (
            metrics,
            clock,
            deferred_interrupts() as interrupt,
            progress(self.title, self.total) as tick,
        ):
            meter = Meter(clock, tick, self.totals.tokens, start)
            while self.step < self.total and not self.early.exhausted:
                metrics.write(self._update())
                if self.valid and (self.step % self._interval == 0 or self.step == self.total):
                    metrics.write(self._evaluate())
                now = time.perf_counter()
                self.totals.seconds = before + now - start
                meter.show(self.step, self.totals, now, last=self.step == self.total)
                if interrupt.requested:
                    self._save()
                    raise LeitaiError(
                        f"stopped after step {self.step} of {self.total}",
                        where=self.run_folder,
                        remedy="run the same command again to go on from there "
                        "(leitai train: with --resume)",
                    )
                if self._checkpoint_due(now - saved_at, saving):
                    self._save()
                    saved_at = time.perf_counter()
                    saving = saved_at - now
        self.decoder.eval()

    @property
    def _interval(self) -> int:
        return self.spec.evaluate_every or self.steps_per_epoch

    def _checkpoint_due(self, elapsed: float, cost: float) -> bool:
        if self.step == self.total:
            return False  # what follows takes less time than a checkpoint is worth
        if self.checkpoint_every is not None:
            return self.step % self.checkpoint_every == 0
        return elapsed > max(CHECKPOINT_SECONDS, cost / CHECKPOINT_SHARE)

    def _next_batches(self) -> list[Batch]:
        epoch, index = divmod(self.step, self.steps_per_epoch)
        if self._windows[0] != epoch:
            self._windows = (epoch, epoch_windows(self._lengths, self.window, self.seed, epoch))
        chosen = [self.train[i] for i in self._windows[1][index]]
        draws = generator(self.seed, self.step, _NOISE_STREAM)
        rows = self.objective.vary(chosen, draws, training=True)
        return self._batches(rows, self.spec.batch_rows)

    def _update(self) -> dict[str, Any]:
        """Do one step; return its line of metrics."""
        spec, batches = self.spec, self._next_batches()
        # Dropout's draws follow from seed and step, so a resumed run draws the same.
        torch.manual_seed(int(generator(self.seed, self.step).integers(1 << 63)))
        weight = sum(batch.weight for batch in batches)
        losses = []
        for batch in self.objective.prepare(self.decoder, batches):
            part = self.objective.loss(self.decoder, batch) / weight
            part.backward()  # type: ignore[no-untyped-call]
            losses.append(part.detach())
        norm = clip_grad_norm_(self.parameters.values(), spec.clip or math.inf)
        loss, norm_value = torch.stack([torch.stack(losses).sum(), norm]).tolist()
        if not (math.isfinite(loss) and math.isfinite(norm_value)):
            self._fail(loss, norm_value, batches)
        rate = spec.learning_rate * rate_factor(self.step, self.total, spec.warmup, spec.schedule)
        set_rate(self.optimizer, rate)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.totals.loss = loss
        self.totals.tokens += sum(batch.tokens for batch in batches)
        self.totals.targets += sum(batch.predictions for batch in batches)
        return {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 6),
            "loss": loss,
            "learning_rate": rate,
            "gradient_norm": norm_value,
            "tokens": self.totals.tokens,
            "targets": self.totals.targets,
        }

    def _fail(self, loss: float, norm: float, batches: Sequence[Batch]) -> None:
        """Stop before the weights are spoilt: keep them, and say where it happened."""
        self.optimizer.zero_grad(set_to_none=True)
        self._save()
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient norm is {norm}"
        sources = [source for batch in batches for source in batch.sources]
        write_json(
            self.run_folder / "failure.json",
            {"step": self.step + 1, "what": what, "rows": sources},
        )
        more = len(sources) - _NAMED_ROWS
        rows = "; ".join(sources[:_NAMED_ROWS]) + (f" and {more} more" if more > 0 else "")
        raise LeitaiError(
            f"{what} at step {self.step + 1}, rows: {rows} (all in failure.json); "
            f"the weights of step {self.step} are kept in its checkpoint",
            where=self.run_folder,
            remedy="lower learning_rate, or look at these rows",
        )

    def _evaluate(self) -> dict[str, Any]:
        """Measure the validation loss, keep the weights if it is the best; return the line."""
        self.decoder.eval()
        with torch.no_grad():
            parts = [
                self.objective.loss(self.decoder, batch)
                for group in self._valid_groups
                for batch in self.objective.prepare(self.decoder, group)
            ]
        self.decoder.train()
        nats = torch.stack(parts).double().sum().item()
        if not math.isfinite(nats):
            raise LeitaiError(
                f"the validation loss is {nats} after step {self.step}",
                where=self.run_folder,
                remedy="lower learning_rate",
            )
        loss = nats / sum(batch.weight for group in self._valid_groups for batch in group)
        bits = nats / math.log(2) / self._valid_bytes if self._valid_bytes else None
        best = self.early.update(self.step, loss)
        if best:
            self.totals.bits_per_byte = bits
            self.store.save_best(self.step, trainable_state(self.decoder))
        return {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 6),
            "valid_loss": loss,
            "valid_bits_per_byte": bits,
            "best": best,
            "tokens": self.totals.tokens,
        }

    def take_best(self) -> None:
        """Put the weights that validated best into the decoder."""
        if self.early.best_loss is None or self.early.best_step == self.step:
            return
        best = self.store.load_best(self.early.best_step)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(best[name])
