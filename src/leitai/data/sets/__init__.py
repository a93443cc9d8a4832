"""Public sets that are more than a label table: a file each, with its readers and templates."""

from leitai.data.public import PublicSet
from leitai.data.sets import crosswoz, kdconv_dialogues, ratings, sgd

READ_BY_VIEW: tuple[PublicSet, ...] = (
    crosswoz.CROSSWOZ,
    kdconv_dialogues.KDCONV,
    sgd.SGD,
    ratings.MOVIELENS,
    ratings.GOODBOOKS,
)
"""All of them, in the order in which they are listed to users."""
