"""Public sets that are more than a label table: a file each, with its readers and templates."""

from leitai.data.public import PublicSet

READ_BY_VIEW: tuple[PublicSet, ...] = ()
"""All of them, in the order in which they are listed to users."""
