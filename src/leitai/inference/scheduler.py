"""The engine that writes: it decides at every step which tokens go through the decoder.

Continuous batching (Yu et al., "Orca", OSDI 2022): rows enter and leave between any two passes. A
pass is one packed row of tokens: the newest token of every row that writes (with a guess at the
next ones, where guesses pay), and chunks of the prompts that are still being read.
"""

import threading
from collections import deque

import torch
from torch import Tensor

from leitai.adapters import Adapters
from leitai.inference.forward_pass import ForwardPass
from leitai.inference.generation import Row
from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, block_bytes, blocks_for
from leitai.inference.paged_attention import Part
from leitai.inference.prefix_tree import PrefixTree
from leitai.inference.running import Handle, Running
from leitai.inference.speculation import FREE_TOKENS, Speculator
from leitai.models import Decoder, weights_version

# Bytes of keys and values. A request that needs more gets what it needs.
CACHE_BYTES = 1 << 30
# Rows in progress at one time.
ROWS = 64
# Prompt tokens a pass; fewer while somebody waits for another row's next token.
CHUNK, CHUNK_BESIDE = 1024, 192


class Engine:
    """Writes many rows at a time; fair, bounded in memory, one thread at work.

    `submit` and `cancel` may be called from any thread; `step` from one at a time (others wait).
    Rows begin in the order of their submission. When memory runs out, the youngest row gives its
    blocks back and starts again later from the tokens it has, so the oldest always gets on.

    Attributes:
        decoder: the model.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        cache_bytes: int = CACHE_BYTES,
        rows: int = ROWS,
        chunk: int = CHUNK,
        chunk_beside: int = CHUNK_BESIDE,
        speculate: bool = True,
        adapters: Adapters | None = None,
    ) -> None:
        """Make an idle engine; memory is reserved with the first request.

        Args:
            decoder: the model, in evaluation mode.
            cache_bytes: memory of keys and values. A single request that needs more gets it.
            rows: how many rows may be in progress.
            chunk: prompt tokens of one pass.
            chunk_beside: the same beside rows whose text is read as it is written.
            speculate: whether to guess tokens; exact as `speculation.py` says.
            adapters: those on the decoder, which rows name; needed if they do.
        """
        self.decoder = decoder
        self._cache_bytes, self._rows = cache_bytes, rows
        self._chunk, self._chunk_beside = chunk, min(chunk, chunk_beside)
        self._speculate = speculate
        self._adapters = adapters or Adapters(())
        self._inbox: deque[Running] = deque()
        self._cancelled: deque[Handle] = deque()
        self._waiting: deque[Running] = deque()
        self._running: list[Running] = []
        self._pool: KeyValuePool | None = None
        self._tree: PrefixTree | None = None
        self._forward: ForwardPass | None = None
        self._weights: object = None
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether there is anything left to do."""
        return bool(self._inbox or self._waiting or self._running)

    def submit(self, row: Row, *, watched: bool = True) -> Handle:
        """Queue a row; `step` fills its handle.

        Args:
            row: the prompt and how to go on.
            watched: whether the text is read as it is written, and not only when it is complete.
        """
        handle = Handle(row, watched=watched)
        free = FREE_TOKENS.get(self.decoder.device.type, FREE_TOKENS["cuda"])
        self._inbox.append(Running(handle, [*row.prompt, *row.ids], Speculator(free)))
        return handle

    def cancel(self, handle: Handle) -> None:
        """End a row early and give its memory back, after the pass if one is under way.

        Without effect when the row is done.
        """
        if handle.done:
            return
        self._cancelled.append(handle)
        if self._lock.acquire(blocking=False):
            try:
                self._sweep()
            finally:
                self._lock.release()

    def forget(self) -> None:
        """Drop the keys and values of prefixes that no row in progress uses."""
        with self._lock:
            if self._tree is not None:
                self._tree.evict(len(self._tree))

    def memory(self) -> tuple[int, int, int]:
        """Return how many blocks there are, how many are in use, and how many the tree holds."""
        with self._lock:
            if self._pool is None or self._tree is None:
                return 0, 0, 0
            return self._pool.blocks, self._pool.blocks - self._pool.free, len(self._tree)

    @torch.inference_mode()
    def step(self) -> list[Handle]:
        """Make one pass.

        Returns:
            The handles that have new text or are done.

        Raises:
            BaseException: what the decoder raised. All rows then end with that error.
        """
        with self._lock:
            try:
                changed = self._sweep()
                self._take_in()
                chosen = self._plan()
                return changed + (self._pass(chosen) if chosen else [])
            except BaseException as error:
                self._abandon(error)
                raise

    # What comes and goes.

    def _sweep(self) -> list[Handle]:
        """Remove cancelled rows."""
        while self._inbox:
            self._waiting.append(self._inbox.popleft())
        gone: list[Handle] = []
        while self._cancelled:
            handle = self._cancelled.popleft()
            if not handle.done:
                handle.done = handle.cancelled = True
                gone.append(handle)
        if gone:
            for running in self._running:
                if running.handle.done and self._pool is not None:
                    running.let_go(self._pool)
            self._running = [r for r in self._running if not r.handle.done]
            self._waiting = deque(r for r in self._waiting if not r.handle.done)
        return gone

    def _take_in(self) -> None:
        """See to it that there is a pool in which the next row fits, if need be a new one."""
        if self._running or not self._waiting:
            return
        row = self._waiting[0].handle.row
        needed = blocks_for(len(row.prompt) + row.max_tokens)
        decoder, weights = self.decoder, weights_version(self.decoder)
        if self._pool is None or self._pool.blocks < needed or weights != self._weights:
            bytes_each = block_bytes(decoder.config, decoder.dtype)
            self._pool = self._tree = self._forward = None  # before the new one is made
            self._pool = KeyValuePool(
                decoder.config,
                max(needed, self._cache_bytes // bytes_each),
                dtype=decoder.dtype,
                device=decoder.device,
            )
            self._tree = PrefixTree(self._pool)
            self._forward = ForwardPass(decoder, self._pool, self._adapters)
            self._weights = weights

    def _abandon(self, error: BaseException) -> None:
        for running in (*self._running, *self._waiting):
            running.handle.error, running.handle.done = error, True
        self._running, self._waiting = [], deque()
        self._pool = self._tree = self._forward = None

    # Which tokens the pass reads.

    def _plan(self) -> list[tuple[Running, int]]:
        """Choose (row, new tokens) for the coming pass, guesses included, and get their blocks."""
        chosen: list[tuple[Running, int]] = []
        planned: set[Running] = set()
        writing = [r for r in self._running if r.pending == 1]
        for running in writing:
            if running.table and self._reserve(running, len(running.tokens), planned):
                self._guess(running, len(writing))
                planned.add(running)
                chosen.append((running, 1 + len(running.guess)))
        waited_for = any(running.handle.watched for running in planned)
        budget = self._chunk_beside if waited_for else self._chunk
        for running in list(self._running):
            if running.pending > 1 and running.table and budget > 0:
                steps = self._read(running, budget, planned)
                if steps:
                    planned.add(running)
                    chosen.append((running, steps))
                    budget -= steps
        while budget > 0 and self._waiting and len(self._running) < self._rows:
            running = self._waiting[0]
            if not self._admit(running):
                break
            self._waiting.popleft()
            self._running.append(running)
            steps = self._read(running, budget, planned)
            planned.add(running)
            chosen.append((running, steps))
            budget -= steps
        return chosen

    def _guess(self, running: Running, load: int) -> None:
        row = running.handle.row
        # The pass yields one token more than the guess.
        most = row.max_tokens - len(row.ids) - 1
        running.guess = []
        if self._speculate and most > 0:
            running.guess = running.speculator.propose(
                running.tokens, load + sum(len(r.guess) for r in self._running), most
            )
            pool, end = self._memory()[0], len(running.tokens) + len(running.guess)
            if running.needs(end) > pool.free:
                running.guess = []  # not worth anybody's blocks
            else:
                running.table += [pool.take() for _ in range(running.needs(end))]

    def _read(self, running: Running, budget: int, planned: set[Running]) -> int:
        """Plan a chunk of a prompt; return its tokens, perhaps none."""
        pool, tree = self._memory()
        running.adopt(tree, pool)
        end = min(len(running.tokens), running.stored + max(budget, BLOCK_TOKENS))
        if end < len(running.tokens):
            end -= end % BLOCK_TOKENS  # so that the next chunk may find its blocks in the tree
        if not self._reserve(running, end, planned):
            return 0
        # Rows planned after this one may adopt the blocks at once: in each layer all keys and
        # values of the pass are stored before anything attends to them.
        running.enter(tree, pool, end, swap=False)
        return end - running.stored

    def _admit(self, running: Running) -> bool:
        """Whether there is memory for a waiting row's prompt beside one block more for each row."""
        pool, tree = self._memory()
        row = running.handle.row
        if blocks_for(len(row.prompt) + row.max_tokens) > pool.blocks:
            return False  # a larger pool is made when this one is idle
        running.adopt(tree, pool)
        wanted = running.needs(len(running.tokens)) + len(self._running)
        if wanted <= pool.free or wanted <= pool.free + tree.evictable():
            return True
        running.let_go(pool)
        return False

    def _reserve(self, running: Running, end: int, planned: set[Running]) -> bool:
        """Get the blocks for a row's first `end` tokens, from idle prefixes or younger rows."""
        pool, tree = self._memory()
        wanted = running.needs(end)
        if wanted > pool.free:
            # More than asked for, so that the search through the tree is rare.
            tree.evict(max(wanted - pool.free, pool.blocks // 32))
        while wanted > pool.free:
            younger = self._running[self._running.index(running) + 1 :]
            victim = next((r for r in reversed(younger) if r not in planned), None)
            if victim is None:
                return False
            victim.let_go(pool)
            self._running.remove(victim)
            self._waiting.appendleft(victim)
            tree.evict(wanted - pool.free)
        running.table += [pool.take() for _ in range(wanted)]
        return True

    def _memory(self) -> tuple[KeyValuePool, PrefixTree]:
        assert self._pool is not None and self._tree is not None
        return self._pool, self._tree

    # The pass and what it says.

    def _pass(self, chosen: list[tuple[Running, int]]) -> list[Handle]:
        pool, tree = self._memory()
        # Rows of an adapter side by side, so that each layer adds its update once.
        chosen.sort(key=lambda item: item[0].handle.row.adapter or "")
        parts = [Part(running.table, running.stored, steps) for running, steps in chosen]
        ids: list[int] = []
        asked: list[Running] = []
        places: list[int] = []
        for running, steps in chosen:
            known = running.tokens[running.stored : running.stored + steps]
            ids += known + running.guess
            running.stored += len(known)
            if running.pending == 0:
                asked.append(running)
                places += range(len(ids) - len(running.guess) - 1, len(ids))
        routes = [(running.handle.row.adapter, steps) for running, steps in chosen]
        assert self._forward is not None  # made with the pool
        logits = self._forward.logits(ids, parts, places, routes)
        if asked:
            self._write(asked, logits)
        for running, _ in chosen:
            running.enter(tree, pool, running.stored, swap=True)
            if running.handle.done:
                running.let_go(pool)
        self._running = [r for r in self._running if not r.handle.done]
        return [running.handle for running in asked]

    def _write(self, asked: list[Running], logits: Tensor) -> None:
        """Choose tokens for the rows whose last token was read.

        Args:
            asked: the rows.
            logits: after each row's last token and each token of its guess, [n, V].
        """
        # The first of equals, as argmax, which takes five times as long in bfloat16.
        best: list[int] = logits.max(dim=-1).indices.tolist()
        place = 0
        for running in asked:
            row, guess = running.handle.row, running.guess
            right = 0
            for at in range(place, place + 1 + len(guess)):
                greedy = row.sampler.is_plain_greedy
                token = best[at] if greedy else row.sampler.next(logits[at])
                if piece := row.take(token):
                    running.handle.pieces.append(piece)
                if row.finish is not None:
                    running.handle.done = True
                    break
                running.tokens.append(token)
                if right == len(guess) or guess[right] != token:
                    break
                right += 1
                running.stored += 1  # what was read as a guess has become the text
            if guess:
                running.speculator.learn(len(guess), right)
            place += 1 + len(guess)
            running.guess = []
