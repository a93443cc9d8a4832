"""Groups of items by who is right, as data: the page's script only applies them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leitai.comparison.report.strings import STRINGS
from leitai.comparison.wording import Bilingual


@dataclass(frozen=True, slots=True)
class Filter:
    """One group of items; contenders are told by their place among the task's keys.

    Attributes:
        label: on its button.
        colour: the contender's whom it is about, else empty.
        right: contenders that must be right.
        wrong: contenders that must be wrong.
        least: of all contenders, at least so many are right.
        most: at most so many are right.
        ahead: the contender whose score is better than every other's; None where it does not
            matter.
    """

    label: Bilingual
    colour: str = ""
    right: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()
    least: int = 0
    most: int = 0
    ahead: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form that goes into the page."""
        return asdict(self)


def filters_of(keys: Sequence[str], graded: bool) -> list[Filter]:
    """Return the groups of a task, the most telling first.

    Args:
        keys: the contenders.
        graded: whether answers are right or wrong; else they have scores alone.
    """
    count = len(keys)
    every = Filter(STRINGS["filter_all"], most=count)
    if not graded:
        ahead = (
            Filter(STRINGS["filter_ahead"].format(key=key), key.lower(), most=count, ahead=i)
            for i, key in enumerate(keys)
        )
        return [*ahead, every]
    differ = Filter(STRINGS["filter_differ"], least=1, most=count - 1)
    return [
        *([differ] if count > 2 else []),
        *(
            Filter(STRINGS["filter_only"].format(key=key), key.lower(), (i,), least=1, most=1)
            for i, key in enumerate(keys)
        ),
        Filter(STRINGS["filter_none"], most=0),
        Filter(STRINGS["filter_right"], least=count, most=count),
        every,
    ]
