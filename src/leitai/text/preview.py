"""What a model would be trained on: tokens, targets, and the rows that would be refused."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from leitai.base import LeitaiError
from leitai.text.chat import Chat, Date
from leitai.text.encoded import truncate

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_REFUSALS_KEPT = 20
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_PROMPT, _TARGET = "grey50", "bold bright_green"


class TrainingRow(Protocol):
    """What a preview needs of a row of data."""

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The conversation."""

    @property
    def source(self) -> str:
        """The file and line it comes from."""

    @property
    def tools(self) -> Sequence[Mapping[str, Any]] | None:
        """Functions the assistant may call."""


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row as the model would see it.

    Attributes:
        source: the file and line it comes from.
        ids: token ids after truncation; empty for a refused row.
        tokens: the text of each id; all together read like the rendered conversation.
        is_target: of each id, whether it is to be predicted.
        truncated: how many ids were cut off.
        refused: why the row cannot be trained on, or None.
    """

    source: str
    ids: list[int]
    tokens: list[str]
    is_target: list[bool]
    truncated: int = 0
    refused: str | None = None


@dataclass(slots=True)
class Preview:
    """Some rows in full, and the count of all.

    Attributes:
        shown: the first rows.
        rows: how many rows there are, refused ones included.
        tokens: ids of all rows that are not refused, after truncation.
        targets: how many of these are targets.
        longest: ids of the longest row before truncation.
        truncated: how many rows were cut.
        refused: how many rows cannot be trained on.
        refusals: the first rows that were refused, one line each.
    """

    shown: list[PreviewRow] = field(default_factory=list)
    rows: int = 0
    tokens: int = 0
    targets: int = 0
    longest: int = 0
    truncated: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)


def preview_row(
    chat: Chat,
    row: TrainingRow,
    *,
    max_length: int | None = None,
    date: Date = None,
    thinking: bool | None = None,
    turns: Literal["all", "last"] = "all",
) -> PreviewRow:
    """Encode one row for training, and say why where that cannot be done.

    Args:
        chat: tokenizer and template.
        row: the row.
        max_length: where training cuts a row, in tokens.
        date: see `Chat.render`.
        thinking: see `Chat.render`.
        turns: see `Chat.encode_training`.
    """
    try:
        encoded = chat.encode_training(
            row.messages,
            tools=row.tools,
            date=date,
            thinking=thinking,
            turns=turns,
            where=row.source,
        )
        kept = truncate(encoded, max_length or len(encoded.ids), row.source)
    except LeitaiError as error:
        return PreviewRow(row.source, [], [], [], refused=str(error))
    return PreviewRow(
        row.source,
        kept.ids,
        chat.tokenizer.token_texts(kept.ids),
        kept.is_target,
        truncated=len(encoded.ids) - len(kept.ids),
    )


def preview(chat: Chat, rows: Iterable[TrainingRow], *, show: int = 3, **options: Any) -> Preview:
    """Encode all rows for training, keep the first and count the rest.

    Args:
        chat: tokenizer and template.
        rows: the data.
        show: how many rows to keep in full.
        options: see `preview_row`.

    Raises:
        LeitaiError: the checkpoint has no chat template.
    """
    chat.require_template()
    result = Preview()
    for row in rows:
        seen = preview_row(chat, row, **options)
        if len(result.shown) < show:
            result.shown.append(seen)
        result.rows += 1
        result.tokens += len(seen.ids)
        result.targets += sum(seen.is_target)
        result.longest = max(result.longest, len(seen.ids) + seen.truncated)
        result.truncated += seen.truncated > 0
        if seen.refused is not None:
            result.refused += 1
            if len(result.refusals) < _REFUSALS_KEPT:
                result.refusals.append(seen.refused)
    return result


def visible(text: str) -> str:
    """Return text that is safe and readable on a terminal: no invisible or control characters."""
    shown = {"\n": "⏎\n", "\t": "⇥"}
    return "".join(
        shown.get(char) or char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _INVISIBLE
        else char
        for char in text
    )


def row_view(row: PreviewRow, *, ids: bool = True) -> "RenderableType":
    """Render a row for a terminal: prompt grey, targets bright and between ⟦ and ⟧.

    Args:
        row: the row.
        ids: whether the token ids are shown below the text.
    """
    from rich.console import Group
    from rich.text import Text

    title = f"{row.source}  {len(row.ids):,} tokens, {sum(row.is_target):,} targets"
    if row.truncated:
        title += f", {row.truncated:,} tokens cut off"
    parts: list[Text] = [Text(visible(title), style="bold")]
    if row.refused is not None:
        parts.append(Text(f"refused: {visible(row.refused)}", style="bold red"))
    else:
        parts.append(_coloured([visible(token) for token in row.tokens], row.is_target, ""))
        if ids:
            parts.append(_coloured([str(token_id) for token_id in row.ids], row.is_target, " "))
    return Group(*parts, "")


def _coloured(pieces: Sequence[str], is_target: Sequence[bool], gap: str) -> "Text":
    from rich.text import Text

    text, inside = Text(), False
    for index, (piece, target) in enumerate(zip(pieces, is_target, strict=True)):
        if inside and not target:
            text.append("⟧", style=_TARGET)
        if index:
            text.append(gap)
        if target and not inside:
            text.append("⟦", style=_TARGET)
        text.append(piece, style=_TARGET if target else _PROMPT)
        inside = target
    if inside:
        text.append("⟧", style=_TARGET)
    return text


def summary_view(result: Preview) -> "RenderableType":
    """Render the counts, and the first refusals."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table("rows", "tokens", "targets", "longest row", "truncated", "refused")
    counts = (result.rows, result.tokens, result.targets, result.longest)
    table.add_row(*(f"{count:,}" for count in (*counts, result.truncated, result.refused)))
    lines = [Text(visible(line), style="red") for line in result.refusals]
    if result.refused > len(result.refusals):
        lines.append(Text(f"and {result.refused - len(result.refusals):,} more", style="red"))
    return Group(table, *lines)
