"""What can be known of the prompts that servers read: their ids where shown, else their length."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitai.comparison.audit.findings import UNSEEN, Finding, Side, Status
from leitai.evaluation.records import ItemRecord

SHOWN = 4
"""Prompts of each task that a server is asked to show."""

_NOT_KNOWN = {
    "en": "not known of any server: what is cut, the precision of its weights, and what becomes of "
    "the prompt after this",
    "zh": "任何服务器均无法得知：何处截断、权重精度，以及此后提示如何被处理",
}


def served_findings(
    sides: Sequence[Side], found: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[Finding]:
    """Compare the ids that servers make of sample prompts with those of the named template.

    Args:
        sides: the contenders.
        found: by the key of each server, its prompts: "told" and "here", either may be null.
    """
    if not found:
        return []
    values, differ, unknown = {}, False, False
    for key, prompts in found.items():
        told = [one for one in prompts if one["told"] is not None]
        known = [one for one in told if one["here"] is not None]
        equal = sum(one["told"] == one["here"] for one in known)
        differ = differ or equal < len(known)
        unknown = unknown or len(known) < len(prompts)
        values[key] = f"{equal} / {len(known)}" if known else f"{len(told)} ?" if told else UNSEEN
    status: Status = "warning" if differ else "note" if unknown else "ok"
    meaning = {
        "warning": {
            "en": "the server's template or tokenizer differs: see its version, the date it prints "
            "and its default system prompt",
            "zh": "服务器的模板或分词器不同：请查其版本、所印日期与默认系统提示",
        },
        "note": {
            "en": "where the server shows no ids, or no `tokenizer` is named, prompts cannot be "
            "checked by ids",
            "zh": "服务器不显示编号或未指定 tokenizer 时，无法逐词元核对提示",
        },
        "ok": {
            "en": "the server reads what a local checkpoint would",
            "zh": "与本地检查点所读一致",
        },
    }[status]
    return [
        Finding(
            "served",
            {
                "en": "sample prompts whose token ids on the server equal those of the named "
                "tokenizer and template",
                "zh": "服务器上词元编号与所指定分词器和模板一致的样例提示数",
            },
            tuple(values.get(side.key, "✓" if side.view is not None else UNSEEN) for side in sides),
            status,
            _joined(meaning, _NOT_KNOWN),
        )
    ]


def counted_findings(
    sides: Sequence[Side],
    servers: Sequence[str],
    records: Mapping[str, Mapping[str, Sequence[ItemRecord]]],
) -> list[Finding]:
    """Compare how many prompt tokens servers counted with what the named template makes.

    Args:
        sides: the contenders.
        servers: keys of those that are servers.
        records: by task and contender.
    """
    findings = []
    for task, asked in records.items():
        counts = {key: _counts(asked[key]) for key in asked}
        if not any(counts[key] for key in servers):
            continue
        values, differ, unknown = {}, False, False
        for key, pairs in counts.items():
            if not pairs:
                values[key] = UNSEEN
                continue
            mean = sum(counted for counted, _ in pairs) / len(pairs)
            values[key] = f"{mean:.1f}"
            if key in servers:
                known = [(counted, here) for counted, here in pairs if here]
                equal = sum(counted == here for counted, here in known)
                differ = differ or equal < len(known)
                unknown = unknown or len(known) < len(pairs)
                values[key] += f" ({equal} / {len(known)} =)" if known else " (?)"
        status: Status = "warning" if differ else "note" if unknown else "ok"
        meaning = {
            "warning": {
                "en": "the server counts otherwise than the named tokenizer and template: it reads "
                "another prompt",
                "zh": "服务器计数与所指定分词器和模板不同：其所读提示不同",
            },
            "note": {
                "en": "name the model's `tokenizer` to hold the count against its template",
                "zh": "指定 tokenizer 即可与其模板核对",
            },
            "ok": {
                "en": "as many as the named tokenizer and template make of the same items",
                "zh": "与所指定分词器和模板对同样题目得出的数目一致",
            },
        }[status]
        findings.append(
            Finding(
                f"counted:{task}",
                {
                    "en": f"prompt tokens of an item of {task} as counted where it runs, mean "
                    "(items where the named tokenizer and template count the same)",
                    "zh": f"{task} 每题提示词元数的均值，由运行处计数（括号内为与所指定分词器和"
                    "模板计数相同的题数）",
                },
                tuple(values.get(side.key, UNSEEN) for side in sides),
                status,
                _joined(meaning, _NOT_KNOWN),
            )
        )
    return findings


def _counts(records: Sequence[ItemRecord]) -> list[tuple[int, int]]:
    """The tokens of each item's prompts, counted where they were read and by the template here."""
    return [
        (int(record.detail["prompt_tokens"]), int(record.detail.get("template_tokens", 0)))
        for record in records
        if record.detail.get("prompt_tokens")
    ]


def _joined(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    return {"en": f"{one['en']}; {other['en']}", "zh": f"{one['zh']}。{other['zh']}"}
