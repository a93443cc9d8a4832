"""From report data to what a page shows: every number already written out.

Page and Markdown read the same views, so that they cannot disagree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from leitai.comparison.report.data import SIDES, Contender, Cost, ReportData, Side
from leitai.comparison.report.figures import DASH, bytes_of, count_of, duration_of, rate_of
from leitai.comparison.report.strings import FAMILIES, METHODS, STRINGS, slice_name
from leitai.comparison.statistics.resampling import RESAMPLES
from leitai.comparison.wording import Bilingual, Unit, level, metric_of, p_value

SIGNS = {"ok": "✓", "note": "○", "warning": "▲", "refused": "✕"}
"""Signs of an audit finding, readable without colour."""

_LONGEST_TEXT = 60_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A number with its interval, raw and written."""

    value: float
    low: float
    high: float
    text: str
    low_text: str
    high_text: str


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One row of a score table; `cells` are A, B and the difference."""

    label: str
    name: Bilingual
    n: int
    n_text: str
    cells: tuple[Cell, Cell, Cell]
    a_only: int | None
    b_only: int | None
    a_only_text: str
    b_only_text: str
    p: float
    p_text: str
    p_holm_text: str
    verdict: str
    more: str | None


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task: its words and its rows; `raw` is the task of `verdict.json`."""

    raw: dict[str, Any]
    name: str
    metric: Bilingual
    higher_is_better: bool
    primary: bool
    graded: bool
    margin: Bilingual
    rows: tuple[SliceRow, ...]
    unparsed: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class CostCell:
    """One number of the cost table."""

    text: Bilingual
    best: bool


@dataclass(frozen=True, slots=True)
class CostRow:
    """One line of the cost table; `direction` is lower, higher or None where neither is better."""

    name: Bilingual
    direction: str | None
    cells: tuple[CostCell, CostCell]
    ratio: str


def overall_kind(data: ReportData) -> str:
    """The overall verdict's kind: a_better, b_better, equivalent or undecided."""
    return str(data.verdict["overall"]["verdict"])


def headline(data: ReportData) -> Bilingual:
    """The verdict in three words."""
    kind = overall_kind(data)
    if kind in ("equivalent", "undecided"):
        return STRINGS[kind]
    winner: Side = "A" if kind == "a_better" else "B"
    return STRINGS["better"].format(name=data.contenders[winner].name)


def from_verdict(data: ReportData, key: str) -> Bilingual:
    """A sentence of the overall verdict."""
    return Bilingual(**data.verdict["overall"][key])


def task_views(data: ReportData) -> list[TaskView]:
    """All tasks, the primary one first."""
    tasks = sorted(data.verdict["tasks"], key=lambda task: not task["primary"])
    return [_task_view(task) for task in tasks]


def _task_view(task: dict[str, Any]) -> TaskView:
    metric = metric_of(task["metric"])
    unit, first = metric.unit, task["slices"][0]
    unparsed = None
    if first["A"]["unparsed"] or first["B"]["unparsed"]:
        unparsed = {
            "a": count_of(first["A"]["unparsed"]),
            "b": count_of(first["B"]["unparsed"]),
            "best_a": unit.value(first["A"]["best_case"]),
            "best_b": unit.value(first["B"]["best_case"]),
        }
    margin = unit.difference(first["margin"], False)
    return TaskView(
        raw=task,
        name=task["task"],
        metric=metric.name,
        higher_is_better=task["higher_is_better"],
        primary=task["primary"],
        graded=first["a_only"] is not None,
        margin=Bilingual(margin + unit.gap.en, margin + unit.gap.zh),
        rows=tuple(_slice_row(row, unit) for row in task["slices"]),
        unparsed=unparsed,
    )


def _slice_row(row: dict[str, Any], unit: Unit) -> SliceRow:
    return SliceRow(
        label=row["slice"],
        name=slice_name(row["slice"]),
        n=row["n"],
        n_text=count_of(row["n"]),
        cells=(
            _cell(row["A"], unit.value),
            _cell(row["B"], unit.value),
            _cell(row["difference"], lambda v: unit.difference(v, True)),
        ),
        a_only=row["a_only"],
        b_only=row["b_only"],
        a_only_text="" if row["a_only"] is None else count_of(row["a_only"]),
        b_only_text="" if row["b_only"] is None else count_of(row["b_only"]),
        p=row["p"],
        p_text=p_value(row["p"]).removeprefix("p = ").removeprefix("p "),
        p_holm_text=DASH.en
        if row["p_holm"] is None
        else p_value(row["p_holm"]).removeprefix("p = ").removeprefix("p "),
        verdict=row["verdict"],
        more=None if row["more_items"] is None else count_of(row["more_items"]),
    )


def _cell(numbers: dict[str, float], write: Callable[[float], str]) -> Cell:
    return Cell(
        value=numbers["value"],
        low=numbers["low"],
        high=numbers["high"],
        text=write(numbers["value"]),
        low_text=write(numbers["low"]),
        high_text=write(numbers["high"]),
    )


def cost_rows(data: ReportData) -> list[CostRow]:
    """The cost table; lines that neither side has are left out."""

    def of_cost(field: str) -> tuple[float | None, float | None]:
        return _both_sides(lambda side: getattr(data.costs[side], field))

    def of_contender(field: str) -> tuple[float | None, float | None]:
        return _both_sides(lambda side: getattr(data.contenders[side], field))

    def plain(write: Callable[[float], str]) -> Callable[[float], Bilingual]:
        return lambda value: Bilingual.same(write(value))

    table: list[tuple[Bilingual, str | None, tuple[float | None, float | None], Any]] = [
        (STRINGS["train_seconds"], "lower", of_cost("train_seconds"), duration_of),
        (STRINGS["search_seconds"], "lower", of_cost("search_seconds"), duration_of),
        (STRINGS["train_tokens"], "lower", of_cost("train_tokens"), plain(count_of)),
        (STRINGS["score_seconds"], "lower", of_cost("score_seconds"), duration_of),
        (STRINGS["items_per_second"], "higher", of_cost("items_per_second"), plain(rate_of)),
        (STRINGS["peak_memory"], "lower", of_cost("peak_memory_bytes"), plain(bytes_of)),
        (
            STRINGS["trainable_parameters"],
            "lower",
            of_contender("trainable_parameters"),
            plain(count_of),
        ),
        (STRINGS["total_parameters"], "lower", of_contender("total_parameters"), plain(count_of)),
        (STRINGS["vocabulary"], None, of_contender("vocabulary"), plain(count_of)),
    ]
    packed = {side: data.costs[side].characters_per_token for side in SIDES}
    for language in sorted({*packed["A"], *packed["B"]}):
        name = STRINGS["characters_per_token"].format(language=slice_name(language))
        densities = (packed["A"].get(language), packed["B"].get(language))
        table.append((name, "higher", densities, plain(lambda v: f"{v:.2f}")))
    return [
        _cost_row(name, direction, values, write)
        for name, direction, values, write in table
        if values != (None, None)
    ]


def _both_sides(read: Callable[[Side], float | None]) -> tuple[float | None, float | None]:
    return read("A"), read("B")


def _cost_row(
    name: Bilingual,
    direction: str | None,
    values: tuple[float | None, float | None],
    write: Callable[[float], Bilingual],
) -> CostRow:
    a, b = values
    words = [DASH if value is None else write(value) for value in values]
    best = [False, False]
    # Less than one percent is no advantage worth a mark.
    if direction and a and b and abs(a - b) >= 0.01 * max(a, b):
        best = [(a < b) == (direction == "lower"), (b < a) == (direction == "lower")]
    return CostRow(
        name=name,
        direction=direction,
        cells=(CostCell(words[0], best[0]), CostCell(words[1], best[1])),
        ratio=f"{b / a:.2f}" if a and b is not None else DASH.en,
    )


def about(contender: Contender, cost: Cost) -> Bilingual:
    """A contender in a line: family, size, adaptation, time."""
    family = FAMILIES.get(contender.family, contender.family)
    size = STRINGS["parameters_short"].format(count=short_count(contender.total_parameters))
    parts = [Bilingual.same(family), size]
    if contender.method:
        parts.append(_method(contender.method))
    if cost.train_seconds is not None:
        parts.append(STRINGS["trained_in"].format(time=duration_of(cost.train_seconds)))
    # Break between the parts only.
    en, zh = ([text.replace(" ", "\u00a0") for text in texts] for texts in _languages(parts))
    return Bilingual(" · ".join(en), " · ".join(zh))


def _languages(parts: Sequence[Bilingual]) -> tuple[list[str], list[str]]:
    return [part.en for part in parts], [part.zh for part in parts]


def _method(name: str) -> Bilingual:
    return METHODS.get(name) or Bilingual.same(name)


def short_count(number: float) -> str:
    """A large count with three digits: 1.24 B, 494 M, 52.3 K."""
    for scale, unit in ((1e9, " B"), (1e6, " M"), (1e3, " K")):
        if number >= 0.9995 * scale:
            return f"{number / scale:.3g}{unit}"
    return str(number)


def identities(data: ReportData) -> list[dict[str, Any]]:
    """What each contender is, for the manifest."""

    def row(
        key: str, read: Callable[[Contender], Bilingual], hashed: bool = False
    ) -> dict[str, Any]:
        values = [read(data.contenders[side]) for side in SIDES]
        return {"name": STRINGS[key], "values": values, "hash": hashed}

    same = Bilingual.same
    return [
        row("name", lambda c: same(c.name)),
        row("model", lambda c: same(c.model)),
        row("family", lambda c: same(FAMILIES.get(c.family, c.family))),
        row("adaptation", lambda c: _method(c.method) if c.method else STRINGS["as_is"]),
        row("total_parameters", lambda c: same(count_of(c.total_parameters))),
        row("vocabulary", lambda c: same(count_of(c.vocabulary))),
        row("weights", lambda c: same(c.weights_sha256), hashed=True),
    ]


def manifest_parts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifest, a part for each of its keys: a table where it is flat, else YAML."""
    parts = []
    for key, value in manifest.items():
        title = STRINGS.get(f"manifest_{key}") or Bilingual.same(key)
        flat = isinstance(value, dict) and not any(
            isinstance(v, dict | list) for v in value.values()
        )
        if flat:
            parts.append({"title": title, "rows": [_fact(k, v) for k, v in value.items()]})
            continue
        text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=100)
        if len(text) > _LONGEST_TEXT:
            text = text[:_LONGEST_TEXT] + "…"
        parts.append({"title": title, "rows": None, "text": text})
    return parts


def _fact(key: str, value: Any) -> tuple[str, str]:
    if key.endswith("_bytes") and isinstance(value, int | float):
        return key.removesuffix("_bytes").replace("_", " "), bytes_of(value)
    return key.replace("_", " "), str(value)


def notes(data: ReportData) -> list[tuple[Bilingual, Bilingual]]:
    """How to read the report: the terms it uses, and its metrics."""
    alpha = data.verdict["alpha"]
    parts: dict[str, Bilingual | str | int] = {
        "level": level(alpha),
        "inner": level(2 * alpha),
        "alpha": f"{100 * alpha:g}%",
        "resamples": count_of(RESAMPLES),
    }
    metrics: Sequence[str] = list(dict.fromkeys(task["metric"] for task in data.verdict["tasks"]))
    found = [(_capital(metric_of(m).name), metric_of(m).meaning) for m in metrics]
    keys = ["interval", "p", "margin", "several", "limits"]
    if len(data.verdict["tasks"]) == 1:
        keys.remove("several")
    for key in keys:
        found.append((STRINGS[f"def_{key}"], STRINGS[f"def_{key}_text"].format(**parts)))
    return [(term, _sentence(text)) for term, text in found]


def _capital(words: Bilingual) -> Bilingual:
    return Bilingual(words.en[:1].upper() + words.en[1:], words.zh)


def _sentence(words: Bilingual) -> Bilingual:
    words = _capital(words)
    return Bilingual(words.en.rstrip(".") + ".", words.zh.rstrip("。") + "。")
