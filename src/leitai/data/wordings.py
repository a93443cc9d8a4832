"""Questions put into words: numbered templates, one list a language."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.rows import Row
from leitai.data.source import SplitName

Templates = Mapping[str, Sequence[str]]
"""By language: templates with {fields}, in the order of their numbers."""


def wording(templates: Templates, language: str, number: int, view: str) -> str:
    """Return the template of that number in a language.

    Raises:
        LeitaiError: the view has fewer.
    """
    offered = templates[language]
    if number >= len(offered):
        raise LeitaiError(
            f"no template {number} in language {language}",
            where=f"view {view}",
            remedy=f"use a template from 0 to {len(offered) - 1}",
        )
    return offered[number]


def asked(
    identity: str,
    question: str,
    answer: str,
    *,
    source: str,
    language: str,
    group: str | None = None,
    split: SplitName | None = "test",
    label: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Row:
    """Return a row of one question and its reference answer."""
    return Row(
        id=identity,
        messages=(
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ),
        source=source,
        label=label,
        language=language,
        group=group,
        split=split,
        facts=facts or {},
    )
