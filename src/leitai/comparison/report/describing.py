"""What a report says of its run beside numbers: identities, the manifest, how to read it."""

from collections.abc import Callable, Sequence
from typing import Any

import yaml

from leitai.comparison.metric_words import metric_of
from leitai.comparison.report.costing import method_name
from leitai.comparison.report.data import Contender, ReportData
from leitai.comparison.report.figures import DASH, bytes_of, count_of
from leitai.comparison.report.strings import FAMILIES, STRINGS
from leitai.comparison.statistics.resampling import RESAMPLES
from leitai.comparison.wording import Bilingual, level

_LONGEST_TEXT = 60_000


def identities(data: ReportData) -> list[dict[str, Any]]:
    """What each contender is, for the manifest."""

    def row(
        word: str, read: Callable[[Contender], Bilingual], hashed: bool = False
    ) -> dict[str, Any]:
        values = [read(data.contenders[key]) for key in data.keys]
        return {"name": STRINGS[word], "values": values, "hash": hashed}

    same = Bilingual.same
    return [
        row("name", lambda c: same(c.name)),
        row("model", lambda c: same(c.model)),
        row("family", lambda c: same(FAMILIES.get(c.family, c.family)) if c.family else DASH),
        row("adaptation", lambda c: method_name(c.method) if c.method else STRINGS["as_is"]),
        row(
            "total_parameters",
            lambda c: _counted(c.total_parameters),
        ),
        row("vocabulary", lambda c: _counted(c.vocabulary)),
        row("weights", lambda c: same(c.weights_sha256), hashed=True),
    ]


def _counted(number: int | None) -> Bilingual:
    return DASH if number is None else Bilingual.same(count_of(number))


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
    if len(data.verdict["tasks"]) == 1 and len(data.contenders) == 2:
        keys.remove("several")
    for key in keys:
        found.append((STRINGS[f"def_{key}"], STRINGS[f"def_{key}_text"].format(**parts)))
    return [(term, _sentence(text)) for term, text in found]


def _capital(words: Bilingual) -> Bilingual:
    return Bilingual(words.en[:1].upper() + words.en[1:], words.zh)


def _sentence(words: Bilingual) -> Bilingual:
    words = _capital(words)
    return Bilingual(words.en.rstrip(".") + ".", words.zh.rstrip("。") + "。")
