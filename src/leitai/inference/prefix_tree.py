"""Which prefixes have their keys and values in memory: a radix tree over blocks of tokens.

Each edge is one full block's tokens, so the path from the root to a node spells a prefix (as in
SGLang's RadixAttention, Zheng et al., arXiv 2312.07104, with blocks for letters). The tree holds a
reference to every block in it. Blocks that nobody else holds may be evicted, leaves first, the
longest unused first.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool

Key = tuple[int, ...]
_NO_BLOCK = -1


@dataclass(slots=True, eq=False)
class Node:
    """A prefix that ends with a full block.

    Attributes:
        key: the block's tokens.
        block: where their keys and values are.
        parent: the prefix before the block; None for the root.
        children: longer prefixes by their next block's tokens.
        used: when the node was last of use, by the tree's own count.
    """

    key: Key
    block: int
    parent: Optional["Node"]
    children: dict[Key, "Node"] = field(default_factory=dict)
    used: int = 0


class PrefixTree:
    """The prefixes whose blocks are in a pool.

    Attributes:
        root: the empty prefix of what the base alone reads.
    """

    def __init__(self, pool: KeyValuePool) -> None:
        """Begin with no prefixes."""
        self.root = Node((), _NO_BLOCK, None)
        self._roots: dict[str | None, Node] = {None: self.root}
        self._pool = pool
        self._nodes: dict[int, Node] = {}
        self._clock = 0

    def __len__(self) -> int:
        """How many blocks the tree holds."""
        return len(self._nodes)

    def root_of(self, adapter: str | None) -> Node:
        """Return the empty prefix of what is read with an adapter: none shares keys and values."""
        return self._roots.setdefault(adapter, Node((), _NO_BLOCK, None))

    def find(self, ids: Sequence[int], start: Node, depth: int) -> list[Node]:
        """Return the nodes that continue `start`, which is `depth` blocks deep, along `ids`."""
        found = []
        node, first = start, depth * BLOCK_TOKENS
        while first + BLOCK_TOKENS <= len(ids):
            child = node.children.get(tuple(ids[first : first + BLOCK_TOKENS]))
            if child is None:
                break
            self._touch(child)
            found.append(child)
            node, first = child, first + BLOCK_TOKENS
        return found

    def add(self, parent: Node, key: Key, block: int) -> Node:
        """Return the prefix `key` after `parent`; if it is new, it gets `block` and a reference.

        Whoever adds must hold `parent`'s block, so that no eviction parts the two.
        """
        node = parent.children.get(key)
        if node is None:
            node = parent.children[key] = Node(key, block, parent)
            self._nodes[block] = node
            self._pool.share(block)
        self._touch(node)
        return node

    def evictable(self) -> int:
        """How many blocks only the tree holds."""
        # Who holds a block holds all before it, so below an idle node every node is idle.
        return sum(self._pool.references(block) == 1 for block in self._nodes)

    def evict(self, wanted: int) -> None:
        """Give up to `wanted` blocks back, the longest unused first."""
        heap = [(n.used, n.block) for n in self._nodes.values() if self._idle_leaf(n)]
        heapq.heapify(heap)
        while heap and wanted > 0:
            node = self._nodes.pop(heapq.heappop(heap)[1])
            parent = node.parent
            assert parent is not None
            del parent.children[node.key]
            self._pool.release([node.block])
            wanted -= 1
            if parent.parent is not None and self._idle_leaf(parent):
                heapq.heappush(heap, (parent.used, parent.block))

    def _idle_leaf(self, node: Node) -> bool:
        return not node.children and self._pool.references(node.block) == 1

    def _touch(self, node: Node) -> None:
        self._clock += 1
        node.used = self._clock
