"""Prefix forests: sequences whose shared prefixes are stored, and computed, once."""

from leitai.forest.accelerator import block_mask
from leitai.forest.attention import ForestScope, merge_weights
from leitai.forest.forest import MIN_SAVING, Forest, Segment, common_prefix, plant
from leitai.forest.pieces import Kept, Piece, PieceScope, cut
from leitai.forest.plan import AttentionPlan, CrossStep, SelfStep, plan_attention
from leitai.forest.virtual import VirtualTokens

__all__ = [
    "MIN_SAVING",
    "AttentionPlan",
    "CrossStep",
    "Forest",
    "ForestScope",
    "Kept",
    "Piece",
    "PieceScope",
    "Segment",
    "SelfStep",
    "VirtualTokens",
    "block_mask",
    "common_prefix",
    "cut",
    "merge_weights",
    "plan_attention",
    "plant",
]
