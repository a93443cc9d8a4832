"""claims.md and claims.html: the table of claims for a reader, in English and Chinese."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from leitai.comparison.report.svg import tag
from leitai.comparison.wording import MINUS, Bilingual

TITLE = Bilingual("What the article claims, put to the test", "文章的说法，逐条检验")
VERDICTS = {
    "supported": Bilingual("supported", "成立"),
    "refuted": Bilingual("refuted", "不成立"),
    "mixed": Bilingual("mixed", "部分成立"),
    "undecided": Bilingual("undecided", "无法判定"),
    "not_testable": Bilingual("not testable here", "此处无法检验"),
}
SIGNS = {
    "for": Bilingual("for", "支持"),
    "against": Bilingual("against", "反对"),
    "open": Bilingual("open", "不明"),
    None: Bilingual("", ""),
}
HEADS = {
    "claim": Bilingual("Claim", "说法"),
    "verdict": Bilingual("Verdict", "结论"),
    "evidence": Bilingual("Evidence", "证据"),
    "test": Bilingual("Test", "检验方法"),
    "limits": Bilingual("What it does not show", "不能说明什么"),
    "finding": Bilingual("Finding", "结果"),
    "value": Bilingual("Value", "数值"),
    "interval": Bilingual("95% interval", "95% 区间"),
    "p": Bilingual("p (Holm)", "p（Holm）"),
    "sign": Bilingual("Says", "指向"),
}
NOTE = Bilingual(
    "A difference is positive where it speaks for the claim. Holm's adjustment runs over the tests "
    "of all claims in the table; exact facts need none. A line that says nothing describes.",
    "差值为正表示支持该说法。Holm 校正覆盖表中所有检验；确切的事实无需校正。没有指向的行只作描述。",
)
UNITS = {
    "accuracy": Bilingual("accuracy", "准确率"),
    "bits/byte": Bilingual("bits/byte", "比特/字节"),
    "characters/token": Bilingual("characters/token", "字符/词元"),
    "hours": Bilingual("hours", "小时"),
    "millions": Bilingual("million", "百万"),
}

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.55 system-ui,"Noto Sans CJK SC",sans-serif;max-width:64rem;margin:2rem auto;
padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886}
td.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.verdict{font-weight:600;white-space:nowrap}
.supported{color:#187a3c}.refuted{color:#b3261e}.mixed,.undecided{color:#8a6100}
@media (prefers-color-scheme:dark){.supported{color:#6fd08c}.refuted{color:#ff8a80}
.mixed,.undecided{color:#e5b94e}}
#show-zh:checked~main .en,#show-en:checked~main .zh{display:none}
details{margin:.4rem 0 1.2rem}summary{cursor:pointer}
"""


def render_markdown(table: Mapping[str, Any]) -> str:
    """Write the table in Markdown: English, then Chinese."""
    return "\n".join(_markdown(table, language) for language in ("en", "zh"))


def _markdown(table: Mapping[str, Any], language: str) -> str:
    def word(words: Bilingual | Mapping[str, str]) -> str:
        return _as_dict(words)[language].replace("|", "\\|")

    lines = [f"# {word(TITLE)}", ""]
    heads = [word(HEADS[key]) for key in ("claim", "verdict", "evidence", "limits")]
    lines += [f"| {' | '.join(heads)} |", "|---|---|---|---|"]
    for claim in table["claims"]:
        deciding = [f for f in claim["findings"] if f["sign"] is not None]
        evidence = "<br>".join(f"{word(f['name'])}: {_value(f, language)}" for f in deciding)
        verdict = word(VERDICTS[claim["verdict"]])
        cells = (word(claim["says"]), f"**{verdict}**", evidence, word(claim["limits"]))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", word(NOTE), ""]
    for claim in table["claims"]:
        lines += [f"## {word(claim['says'])}", "", word(claim["test"]), ""]
        heads = [word(HEADS[key]) for key in ("finding", "value", "interval", "p", "sign")]
        lines += [f"| {' | '.join(heads)} |", "|---|---:|---:|---:|---|"]
        for f in claim["findings"]:
            row = (word(f["name"]), *_cells(f, language), word(SIGNS[f["sign"]]))
            lines.append(f"| {' | '.join(row)} |")
        lines.append("")
    return "\n".join(lines)


def render_page(table: Mapping[str, Any]) -> str:
    """Write the table as one HTML file that loads nothing and runs no script."""
    rows = [
        tag(
            "tr",
            tag("td", tag("a", _both(claim["says"]), href=f"#{claim['id']}")),
            tag(
                "td",
                _both(VERDICTS[claim["verdict"]]),
                class_=f"verdict {claim['verdict']}",
            ),
            tag("td", _both(claim["limits"])),
        )
        for claim in table["claims"]
    ]
    sections = [_section(claim) for claim in table["claims"]]
    choice = [
        Markup('<input type="radio" name="language" id="show-en" checked>'),
        tag("label", "English", for_="show-en"),
        Markup('<input type="radio" name="language" id="show-zh">'),
        tag("label", "中文", for_="show-zh"),
    ]
    main = tag(
        "main",
        tag("h1", _both(TITLE)),
        tag("table", _head("claim", "verdict", "limits"), *rows),
        tag("p", _both(NOTE)),
        *sections,
    )
    head = tag(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width">'),
        tag("title", f"{TITLE.en} · {TITLE.zh}"),
        tag("style", Markup(_STYLE)),
    )
    page = tag("html", head, tag("body", *choice, main), lang="en")
    return "<!doctype html>\n" + str(page) + "\n"


def _section(claim: Mapping[str, Any]) -> Markup:
    rows = [
        tag(
            "tr",
            tag("td", _both(finding["name"])),
            *(
                tag("td", _both(Bilingual(en, zh)), class_="number")
                for en, zh in zip(_cells(finding, "en"), _cells(finding, "zh"), strict=True)
            ),
            tag("td", _both(SIGNS[finding["sign"]])),
        )
        for finding in claim["findings"]
    ]
    return tag(
        "section",
        tag("h2", _both(claim["says"])),
        tag("p", _both(VERDICTS[claim["verdict"]]), class_=f"verdict {claim['verdict']}"),
        tag("p", _both(claim["test"])),
        tag("table", _head("finding", "value", "interval", "p", "sign"), *rows),
        tag("p", _both(HEADS["limits"]), ": ", _both(claim["limits"])),
        id=claim["id"],
    )


def _head(*keys: str) -> Markup:
    return tag("tr", *(tag("th", _both(HEADS[key])) for key in keys))


def _both(words: Bilingual | Mapping[str, str]) -> Markup:
    said = _as_dict(words)
    if said["en"] == said["zh"]:
        return tag("span", said["en"])
    return tag("span", said["en"], class_="en", lang="en") + tag(
        "span", said["zh"], class_="zh", lang="zh-CN"
    )


def _as_dict(words: Bilingual | Mapping[str, str]) -> Mapping[str, str]:
    return words.as_dict() if isinstance(words, Bilingual) else words


def _cells(finding: Mapping[str, Any], language: str) -> tuple[str, str, str]:
    unit = _as_dict(UNITS.get(finding["unit"], Bilingual.same(finding["unit"])))[language]
    interval = ""
    if finding["low"] is not None:
        interval = f"{_number(finding['low'])} … {_number(finding['high'])}"
    p = "" if finding["p_holm"] is None else f"{finding['p_holm']:.2g}"
    return f"{_number(finding['value'])} {unit}".strip(), interval, p


def _value(finding: Mapping[str, Any], language: str) -> str:
    value, interval, p = _cells(finding, language)
    return value + (f" ({interval}; p {p})" if interval else "")


def _number(value: float) -> str:
    text = f"{abs(value):,.0f}" if abs(value) >= 1000 else f"{abs(value):.3g}"
    return (MINUS if value < 0 else "") + text
