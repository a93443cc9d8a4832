"""Instructions whose fulfilment a program can check (after IFEval: Zhou et al., 2023)."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.evaluation.metrics.units import han_share, units

Constraint = Mapping[str, Any]
"""``{"type": ...}`` and the type's own fields."""

_CLOSING = " \t\n\"'”’」』)）"
_LIST_LINE = re.compile(r"^\s*(?:[-*•·]|\d+[.、)）])\s*\S")


def _between(count: int, constraint: Constraint) -> bool:
    return bool(constraint.get("min", 0) <= count <= constraint.get("max", count))


def _characters(text: str, constraint: Constraint) -> bool:
    return _between(len("".join(text.split())), constraint)


def _units(text: str, constraint: Constraint) -> bool:
    return _between(len(units(text)), constraint)


def _sentences(text: str, constraint: Constraint) -> bool:
    found = re.split(r"[。！？!?]+|\.(?=\s|$)", text)
    return _between(sum(bool(units(part)) for part in found), constraint)


def _paragraphs(text: str, constraint: Constraint) -> bool:
    return _between(sum(bool(p.strip()) for p in re.split(r"\n\s*\n", text)), constraint)


def _list_items(text: str, constraint: Constraint) -> bool:
    return _between(sum(bool(_LIST_LINE.match(line)) for line in text.splitlines()), constraint)


def _contains(text: str, constraint: Constraint) -> bool:
    return all(word.casefold() in text.casefold() for word in constraint["words"])


def _excludes(text: str, constraint: Constraint) -> bool:
    return not any(word.casefold() in text.casefold() for word in constraint["words"])


def _times(text: str, constraint: Constraint) -> bool:
    return _between(text.casefold().count(constraint["word"].casefold()), constraint)


def _starts_with(text: str, constraint: Constraint) -> bool:
    return text.lstrip(" \t\n\"'“‘「『(（").startswith(constraint["text"])


def _ends_with(text: str, constraint: Constraint) -> bool:
    wanted = constraint["text"].rstrip(_CLOSING)
    return text.rstrip(_CLOSING).endswith(wanted)


def _language(text: str, constraint: Constraint) -> bool:
    return bool(units(text)) and (han_share(text) > 1 / 3) == (constraint["is"] == "zh")


def _json(text: str, constraint: Constraint) -> bool:
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*?)\n?```\s*", text, re.DOTALL)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return False
    return isinstance(value, dict) and set(constraint.get("keys", ())) <= value.keys()


_CHECKS: MappingProxyType[str, tuple[Callable[[str, Constraint], bool], frozenset[str]]] = (
    MappingProxyType(
        {
            "characters": (_characters, frozenset({"min", "max"})),
            "words": (_units, frozenset({"min", "max"})),
            "sentences": (_sentences, frozenset({"min", "max"})),
            "paragraphs": (_paragraphs, frozenset({"min", "max"})),
            "list_items": (_list_items, frozenset({"min", "max"})),
            "contains": (_contains, frozenset({"words"})),
            "excludes": (_excludes, frozenset({"words"})),
            "times": (_times, frozenset({"word", "min", "max"})),
            "starts_with": (_starts_with, frozenset({"text"})),
            "ends_with": (_ends_with, frozenset({"text"})),
            "language": (_language, frozenset({"is"})),
            "json": (_json, frozenset({"keys"})),
        }
    )
)
"""By type: the check, and the fields that it may have."""

_NEEDED = frozenset({"words", "word", "text", "is"})


def check_constraints(constraints: Sequence[Constraint], where: str) -> None:
    """Refuse constraints that cannot be checked.

    Raises:
        LeitaiError: an unknown type, an unknown or a missing field; names the place.
    """
    for constraint in constraints:
        kind = constraint.get("type")
        if kind not in _CHECKS:
            raise LeitaiError(
                f"unknown constraint {kind!r}", where=where, remedy=f"use {', '.join(_CHECKS)}"
            )
        fields = _CHECKS[str(kind)][1]
        given = constraint.keys() - {"type"}
        if not given <= fields or not fields & _NEEDED <= given:
            raise LeitaiError(
                f"a constraint of type {kind} with the fields {', '.join(sorted(given)) or 'none'}",
                where=where,
                remedy=f"use {', '.join(sorted(fields))}",
            )


def is_met(text: str, constraint: Constraint) -> bool:
    """Tell whether a text fulfils a constraint that `check_constraints` accepts.

    An empty text fulfils none. ``characters`` counts without white space; ``words`` counts Chinese
    characters and words of other scripts; ``contains``, ``excludes`` and ``times`` fold case.
    """
    return bool(text.strip()) and _CHECKS[constraint["type"]][0](text, constraint)
