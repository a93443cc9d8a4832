"""Blocks and prefixes: nothing leaks, nothing is freed twice, the longest known prefix is found."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.inference.kv_pool import BLOCK_TOKENS, KeyValuePool, block_bytes, blocks_for
from leitai.inference.prefix_tree import PrefixTree
from leitai.models import scratch_config

CONFIG = scratch_config("qwen3-nano", 100)


def make_pool(blocks):
    return KeyValuePool(CONFIG, blocks, dtype=torch.float32, device=torch.device("cpu"))


def test_a_block_is_given_back_by_its_last_holder():
    pool = make_pool(2)
    block = pool.take()
    pool.share(block)
    pool.release([block])
    assert pool.free == 1
    pool.release([block])
    assert pool.free == 2
    with pytest.raises(ValueError, match="free already"):
        pool.release([block])
    with pytest.raises(ValueError, match="cannot be shared"):
        pool.share(block)
    taken = {pool.take(), pool.take()}
    assert taken == {0, 1}
    with pytest.raises(IndexError):
        pool.take()


def test_sizes_are_those_of_the_tensors():
    pool = make_pool(3)
    total = sum(t[0].numel() * t.element_size() for t in (*pool.keys, *pool.values))
    assert total == block_bytes(CONFIG, torch.float32)
    assert pool.keys[0].shape == (4, BLOCK_TOKENS, 2, 32)
    assert all(not t.any() for t in (*pool.keys, *pool.values))
    assert [blocks_for(n) for n in (0, 1, 16, 17, 32)] == [0, 1, 1, 2, 2]


# Two letters of one block each: many texts share prefixes.
WORDS = st.lists(st.sampled_from([1, 2]), min_size=1, max_size=5)


def spell(word):
    return [letter for letter in word for _ in range(BLOCK_TOKENS)]


def insert(tree, pool, word):
    """Take blocks for a word as a row does: what the tree has is shared, the rest is new."""
    ids = spell(word)
    path = tree.find(ids, tree.root, 0)
    for node in path:
        pool.share(node.block)
    held = [node.block for node in path]
    while len(path) < len(word):
        if not pool.free:
            tree.evict(1)
        if not pool.free:
            break
        block = pool.take()
        key = tuple(spell(word[len(path) : len(path) + 1]))
        path.append(tree.add(path[-1] if path else tree.root, key, block))
        held.append(block)
    return path, held


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_the_tree_and_the_pool_agree_after_any_history(data):
    pool = make_pool(data.draw(st.integers(1, 12)))
    tree = PrefixTree(pool)
    holders = []
    for _ in range(data.draw(st.integers(1, 25))):
        action = data.draw(st.sampled_from(["insert", "insert", "drop", "evict"]))
        if action == "insert":
            holders.append(insert(tree, pool, data.draw(WORDS)))
        elif action == "drop" and holders:
            _, held = holders.pop(data.draw(st.integers(0, len(holders) - 1)))
            pool.release(held)
        elif action == "evict":
            tree.evict(data.draw(st.integers(0, 5)))
        in_use = {block for _, held in holders for block in held}
        assert pool.blocks - pool.free == len(tree), "every block in use is in the tree"
        assert tree.evictable() == len(tree) - len(in_use)
        for path, held in holders:
            # What somebody holds is still to be found, with the same blocks.
            ids = [token for node in path for token in node.key]
            assert [node.block for node in tree.find(ids, tree.root, 0)] == held
        for block in range(pool.blocks):
            holding = sum(held.count(block) for _, held in holders)
            assert pool.references(block) in (holding, holding + 1)
    for _, held in holders:
        pool.release(held)
    tree.evict(len(tree))
    assert (pool.free, len(tree)) == (pool.blocks, 0)


@settings(max_examples=100, deadline=None)
@given(known=st.lists(WORDS, max_size=6), asked=WORDS, cut=st.integers(0, BLOCK_TOKENS))
def test_the_prefix_found_is_the_longest_common_one_in_whole_blocks(known, asked, cut):
    pool = make_pool(64)
    tree = PrefixTree(pool)
    for word in known:
        insert(tree, pool, word)
    ids = spell(asked)
    ids = ids[: len(ids) - cut]
    found = tree.find(ids, tree.root, 0)

    def common(word):
        text, n = spell(word), 0
        while n < min(len(text), len(ids)) and text[n] == ids[n]:
            n += 1
        return n // BLOCK_TOKENS

    assert len(found) == max(map(common, known), default=0)
    assert [t for node in found for t in node.key] == ids[: len(found) * BLOCK_TOKENS]


def test_the_longest_unused_leaf_goes_first():
    pool = make_pool(8)
    tree = PrefixTree(pool)
    for word in ([1, 1], [2], [1, 2]):
        pool.release(insert(tree, pool, word)[1])
    tree.find(spell([1, 1]), tree.root, 0)
    for gone in ([2], [1, 2], [1, 1], [1]):
        assert len(tree.find(spell(gone), tree.root, 0)) == len(gone)
        # That look was a use, so use the others again, in the order in which they shall stay.
        order = [[2], [1, 2], [1, 1]]
        for word in order[order.index(gone) + 1 :] if gone in order else []:
            tree.find(spell(word), tree.root, 0)
        tree.evict(1)
        assert len(tree.find(spell(gone), tree.root, 0)) < len(gone)
