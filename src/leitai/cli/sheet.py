"""One table for the terminal and for Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_BETWEEN = 3  # columns of the terminal from cell to cell


@dataclass(frozen=True, slots=True)
class Sheet:
    """Headings and rows of cells.

    Attributes:
        headings: of the columns.
        rows: as many cells each.
        keys: how many columns at the left are texts that say what a row is; the others are figures.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    keys: int = 1

    def pictures(self, width: int) -> Iterator["Table"]:
        """Yield tables that fit into a terminal: all figures, the keys before each few of them.

        Args:
            width: of the terminal, in characters.
        """
        from rich.table import Table

        keys = list(range(self.keys))
        rest = list(range(self.keys, len(self.headings)))
        while rest:
            room = width - sum(map(self._width, keys)) - self._width(rest[0])
            taken = [rest.pop(0)]
            while rest and (room := room - self._width(rest[0])) >= 0:
                taken.append(rest.pop(0))
            table = Table(show_edge=False)
            for column in (*keys, *taken):
                side = "left" if column in keys else "right"
                heading = "\n".join(wrap(self.headings[column], self._width(column) - _BETWEEN))
                table.add_column(heading, justify=side)  # type: ignore[arg-type]
            for row in self.rows:
                table.add_row(*(row[column] for column in (*keys, *taken)))
            yield table

    def _width(self, column: int) -> int:
        """What a column needs: headings may be broken between words, cells not at all."""
        words = self.headings[column].split()
        return _BETWEEN + max(map(len, (*words, *(row[column] for row in self.rows))))

    def markdown(self) -> str:
        """Return the table as Markdown."""
        rule = ["---" if number < self.keys else "---:" for number in range(len(self.headings))]
        lines = [self.headings, rule, *self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
