"""Token buckets: how many requests and tokens a minute, and the pause that a server asked for."""

import threading
import time
from collections.abc import Callable

_BURST = 0.1  # of a minute's allowance may go out at once; the rest of it flows evenly


class _Bucket:
    """An allowance that refills; it may be overdrawn, and who overdraws it waits.

    In no minute does more flow out than `per_minute`: the refill of a minute and a full bucket
    together are just that.
    """

    def __init__(self, per_minute: int, now: float) -> None:
        self._capacity = max(1.0, _BURST * per_minute)
        self._rate = (1 - _BURST) * per_minute / 60
        self._level, self._at = self._capacity, now

    def take(self, amount: float, now: float) -> float:
        """Take `amount` and return the time from which it may be used."""
        self._refill(now)
        # More than the bucket holds could never be saved up; it goes out of a full one.
        wait = max(0.0, min(amount, self._capacity) - self._level) / self._rate
        self._level -= amount
        return now + wait

    def give(self, amount: float, now: float) -> None:
        self._refill(now)
        self._level = min(self._capacity, self._level + amount)

    def _refill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now


class Pace:
    """When the next request may go; for many threads.

    Args:
        requests_per_minute: None for no limit, as below.
        tokens_per_minute: of prompts and answers together.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        now = clock()
        self._clock, self._lock = clock, threading.Lock()
        self._requests = None if requests_per_minute is None else _Bucket(requests_per_minute, now)
        self._tokens = None if tokens_per_minute is None else _Bucket(tokens_per_minute, now)
        self._paused_until = now

    def book(self, tokens: int) -> float:
        """Book a request of about so many tokens; returns the time at which it may go."""
        with self._lock:
            now = at = self._clock()
            if self._requests is not None:
                at = max(at, self._requests.take(1, now))
            if self._tokens is not None:
                at = max(at, self._tokens.take(tokens, now))
            return at

    def seconds_until(self, at: float) -> float:
        """Return how long to wait yet for a booked time, pauses included; 0 to go now."""
        with self._lock:
            return max(0.0, max(at, self._paused_until) - self._clock())

    def settle(self, booked: int, used: int) -> None:
        """Correct a booking when the tokens are known."""
        with self._lock:
            if self._tokens is not None:
                self._tokens.give(booked - used, self._clock())

    def pause(self, seconds: float) -> None:
        """Let nobody go for so long: the server asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)
