"""Readers, validation, splits and the bundled bookshop; knows nothing of models or tokens."""

from leitai.data.catalogue import CATALOGUE
from leitai.data.duplicates import near_duplicates, overlap
from leitai.data.lines import read_jsonl
from leitai.data.load import data_hash, labels_of, load_rows
from leitai.data.rows import Message, Row, row_with, with_system
from leitai.data.source import Columns, DataSource, Split
from leitai.data.splits import assign_splits

__all__ = [
    "CATALOGUE",
    "Columns",
    "DataSource",
    "Message",
    "Row",
    "Split",
    "assign_splits",
    "data_hash",
    "labels_of",
    "load_rows",
    "near_duplicates",
    "overlap",
    "read_jsonl",
    "row_with",
    "with_system",
]
