"""A row while the engine writes it: its tokens, its blocks, and its place in the prefix tree."""

from collections import deque
from dataclasses import dataclass, field

from leitai.inference.generation import Row
from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, blocks_for
from leitai.inference.prefix_tree import Node, PrefixTree
from leitai.inference.speculation import Speculator


@dataclass(slots=True, eq=False)
class Handle:
    """What whoever submitted a row sees of it.

    Attributes:
        row: the row; its result is complete when `done`.
        watched: whether the text is read as it is written.
        pieces: text that became certain and that nobody has taken yet.
        done: nothing more will come.
        cancelled: it was cancelled before its end.
        error: what the engine failed with.
    """

    row: Row
    watched: bool = True
    pieces: deque[str] = field(default_factory=deque)
    done: bool = False
    cancelled: bool = False
    error: BaseException | None = None


@dataclass(slots=True, eq=False)
class Running:
    """One row on its way through the engine.

    Attributes:
        handle: the outside of it.
        tokens: prompt and answer so far.
        speculator: guesses its next tokens.
        stored: how many tokens have keys and values.
        table: its blocks, a reference to each.
        path: the nodes of the tree along its tokens, for as many blocks as the tree knows; each
            has the block that `table` has.
        guess: tokens after the last that the coming pass reads as well.
    """

    handle: Handle
    tokens: list[int]
    speculator: Speculator
    stored: int = 0
    table: list[int] = field(default_factory=list)
    path: list[Node] = field(default_factory=list)
    guess: list[int] = field(default_factory=list)

    @property
    def pending(self) -> int:
        """How many known tokens have no keys and values yet; the last one is always among them."""
        return len(self.tokens) - self.stored

    def needs(self, end: int) -> int:
        """How many blocks are missing for the first `end` tokens."""
        return max(0, blocks_for(end) - len(self.table))

    def adopt(self, tree: PrefixTree, pool: KeyValuePool) -> None:
        """Take over blocks in which the next tokens are already stored."""
        if (
            self.stored != len(self.path) * BLOCK_TOKENS
            or self.stored != len(self.table) * BLOCK_TOKENS
        ):
            return
        # The last token is read in any case, for what is predicted after it.
        start = self.path[-1] if self.path else tree.root_of(self.handle.row.adapter)
        for node in tree.find(self.tokens[:-1], start, len(self.path)):
            pool.share(node.block)
            self.table.append(node.block)
            self.path.append(node)
            self.stored += BLOCK_TOKENS

    def enter(self, tree: PrefixTree, pool: KeyValuePool, end: int, *, swap: bool) -> None:
        """Enter the full blocks of the first `end` tokens into the tree.

        Args:
            tree: the tree.
            pool: whose blocks these are.
            end: tokens that are stored, or will be after the coming pass.
            swap: let go of an own block where the tree has one for the same prefix; else stop.
        """
        while (len(self.path) + 1) * BLOCK_TOKENS <= end:
            depth = len(self.path)
            key = tuple(self.tokens[depth * BLOCK_TOKENS : (depth + 1) * BLOCK_TOKENS])
            parent = self.path[-1] if self.path else tree.root_of(self.handle.row.adapter)
            own = self.table[depth]
            known = parent.children.get(key)
            if known is not None and known.block != own and not swap:
                return
            node = tree.add(parent, key, own)
            if node.block != own:
                pool.share(node.block)
                pool.release([own])
                self.table[depth] = node.block
            self.path.append(node)

    def let_go(self, pool: KeyValuePool) -> None:
        """Give all blocks back; what the tree knows stays there until it is evicted."""
        pool.release(self.table)
        self.table, self.path, self.guess, self.stored = [], [], [], 0
