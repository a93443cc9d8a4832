"""What a run adds up, and how fast and large it is."""

from dataclasses import dataclass

from leitai.base.memory import peak_bytes
from leitai.base.progress import Ticker
from leitai.training.metrics import MetricsLog


@dataclass
class Totals:
    """What a checkpoint remembers beside weights.

    Attributes:
        tokens: read so far.
        targets: predicted so far.
        loss: of the last step, in nats by weight of target.
        seconds: in the loop.
        peak_bytes: largest memory of the process.
        bits_per_byte: validation's at the best step.
    """

    tokens: int = 0
    targets: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    peak_bytes: int = 0
    bits_per_byte: float | None = None


class Meter:
    """Speed and memory: once a second into `clock.jsonl`, more often onto the bar."""

    def __init__(self, clock: MetricsLog, tick: Ticker, tokens: int, start: float) -> None:
        self._clock, self._tick = clock, tick
        self._tokens, self._start = tokens, start
        self._shown = self._logged = start

    def show(self, step: int, totals: Totals, now: float, *, last: bool) -> None:
        """Tell of a step, if it is time to."""
        speed = (totals.tokens - self._tokens) / max(now - self._start, 1e-9)
        if last or now - self._shown >= 0.1:
            self._shown = now
            self._tick(step, f"loss {totals.loss:.3f}, {speed:,.0f} tokens/s")
        if last or now - self._logged >= 1.0:
            self._logged = now
            totals.peak_bytes = max(totals.peak_bytes, peak_bytes())
            self._clock.write(
                {
                    "step": step,
                    "seconds": round(totals.seconds, 3),
                    "tokens_per_second": round(speed, 1),
                    "peak_bytes": totals.peak_bytes,
                }
            )
