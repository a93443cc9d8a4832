"""What contenders cost, as a table and in a line each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leitai.comparison.report.data import Contender, Cost, ReportData
from leitai.comparison.report.figures import DASH, bytes_of, count_of, duration_of, rate_of
from leitai.comparison.report.strings import FAMILIES, METHODS, STRINGS, slice_name
from leitai.comparison.wording import Bilingual

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class CostCell:
    """One number of the cost table."""

    text: Bilingual
    best: bool


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line of the cost table; `direction` is lower, higher or None where neither is better.

    `key` is that of its name among the strings; `ratio` is B's number over A's, where there are
    two contenders.
    """

    key: str
    name: Bilingual
    direction: str | None
    cells: tuple[CostCell, ...]
    ratio: str


def cost_rows(data: ReportData) -> list[CostRow]:
    """The cost table; lines that no contender has are left out."""

    def of_cost(field: str) -> Values:
        return tuple(getattr(data.costs[key], field) for key in data.keys)

    def of_contender(field: str) -> Values:
        return tuple(getattr(data.contenders[key], field) for key in data.keys)

    def plain(write: Callable[[float], str]) -> Callable[[float], Bilingual]:
        return lambda value: Bilingual.same(write(value))

    count = plain(count_of)
    table: list[tuple[str, str | None, Values, Callable[[float], Bilingual]]] = [
        ("train_seconds", "lower", of_cost("train_seconds"), duration_of),
        ("search_seconds", "lower", of_cost("search_seconds"), duration_of),
        ("train_tokens", "lower", of_cost("train_tokens"), count),
        ("score_seconds", "lower", of_cost("score_seconds"), duration_of),
        ("items_per_second", "higher", of_cost("items_per_second"), plain(rate_of)),
        ("peak_memory", "lower", of_cost("peak_memory_bytes"), plain(bytes_of)),
        ("answer_tokens", "lower", of_cost("tokens"), count),
    ]
    rows = [
        _cost_row(key, STRINGS[key], direction, values, write)
        for key, direction, values, write in table
    ]
    for currency in sorted({c.currency for c in data.costs.values() if c.currency}):
        name, spent = STRINGS["money"].format(currency=currency), _spent(data, currency)
        rows.append(_cost_row("money", name, "lower", spent, plain(lambda v: f"{v:.4g}")))
    for key, direction in (
        ("trainable_parameters", "lower"),
        ("total_parameters", "lower"),
        ("vocabulary", None),
    ):
        rows.append(_cost_row(key, STRINGS[key], direction, of_contender(key), count))
    packed = [data.costs[key].characters_per_token for key in data.keys]
    key = "characters_per_token"
    for language in sorted({language for of in packed for language in of}):
        name = STRINGS[key].format(language=slice_name(language))
        densities = tuple(of.get(language) for of in packed)
        rows.append(_cost_row(key, name, "higher", densities, plain(lambda v: f"{v:.2f}")))
    return [row for row in rows if any(cell.text != DASH for cell in row.cells)]


def _spent(data: ReportData, currency: str) -> Values:
    costs = (data.costs[key] for key in data.keys)
    return tuple(cost.money if cost.currency == currency else None for cost in costs)


def _cost_row(
    key: str,
    name: Bilingual,
    direction: str | None,
    values: Values,
    write: Callable[[float], Bilingual],
) -> CostRow:
    words = [DASH if value is None else write(value) for value in values]
    best = [False] * len(values)
    known = sorted((value for value in values if value), reverse=direction == "higher")
    # Less than one percent is no advantage worth a mark.
    if direction and len(known) > 1 and abs(known[0] - known[1]) >= 0.01 * max(known[:2]):
        best[values.index(known[0])] = True
    first, second = values[:2]
    return CostRow(
        key=key,
        name=name,
        direction=direction,
        cells=tuple(CostCell(w, b) for w, b in zip(words, best, strict=True)),
        ratio=f"{second / first:.2f}" if first and second is not None else DASH.en,
    )


def about(contender: Contender, cost: Cost) -> Bilingual:
    """A contender in a line: family, size, adaptation, time."""
    parts = []
    if contender.family:
        parts.append(Bilingual.same(FAMILIES.get(contender.family, contender.family)))
    else:
        parts.append(STRINGS.get(f"kind_{contender.kind}") or Bilingual.same(contender.kind))
    if contender.total_parameters:
        size = short_count(contender.total_parameters)
        parts.append(STRINGS["parameters_short"].format(count=size))
    if contender.method:
        parts.append(method_name(contender.method))
    if cost.train_seconds is not None:
        parts.append(STRINGS["trained_in"].format(time=duration_of(cost.train_seconds)))
    # Break between the parts only.
    en, zh = ([text.replace(" ", "\u00a0") for text in texts] for texts in _languages(parts))
    return Bilingual(" · ".join(en), " · ".join(zh))


def _languages(parts: Sequence[Bilingual]) -> tuple[list[str], list[str]]:
    return [part.en for part in parts], [part.zh for part in parts]


def method_name(name: str) -> Bilingual:
    """How a way of adapting is called."""
    return METHODS.get(name) or Bilingual.same(name)


def short_count(number: float) -> str:
    """A large count with three digits: 1.24 B, 494 M, 52.3 K."""
    for scale, unit in ((1e9, " B"), (1e6, " M"), (1e3, " K")):
        if number >= 0.9995 * scale:
            return f"{number / scale:.3g}{unit}"
    return str(number)
