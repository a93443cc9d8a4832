"""Readers, validation, splits and the bundled bookshop; knows nothing of models or tokens."""

from leitai.data.rows import Message, Row, with_system

__all__ = ["Message", "Row", "with_system"]
