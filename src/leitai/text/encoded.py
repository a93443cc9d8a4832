"""Token ids with what is to be learnt of them, and the one rule for cutting them."""

from dataclasses import dataclass

from leitai.base import LeitaiError


@dataclass(frozen=True, slots=True)
class Encoded:
    """A conversation as token ids.

    Attributes:
        ids: token ids.
        is_target: of each id, whether it is to be predicted; as long as `ids`.
    """

    ids: list[int]
    is_target: list[bool]

    @property
    def targets(self) -> int:
        """How many ids are targets."""
        return sum(self.is_target)


def truncate(encoded: Encoded, max_length: int, where: object) -> Encoded:
    """Cut a conversation from its end to at most `max_length` tokens; the beginning stays.

    Args:
        encoded: the conversation.
        max_length: tokens to keep, at most.
        where: the row it comes from, for messages.

    Raises:
        LeitaiError: no target is left to learn from (or there was none).
    """
    cut = Encoded(encoded.ids[:max_length], encoded.is_target[:max_length])
    if not any(cut.is_target):
        if not any(encoded.is_target):
            raise LeitaiError(
                "no token of this row is a target", where=where, remedy="drop the row"
            )
        first = encoded.is_target.index(True)
        raise LeitaiError(
            f"no target is left of its {len(encoded.ids):,} tokens after truncation to "
            f"{max_length:,}",
            where=where,
            remedy=f"allow at least {first + 1:,} tokens, or shorten or drop the row",
        )
    return cut
