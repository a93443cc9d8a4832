"""Does a contender know test items by heart, before it has learnt anything here?

It is shown the first half of an item and asked to go on. Whoever writes the second half word for
word may have read the item; or the rest may be easy to guess, as the end of an instruction is. So
the same is asked with the words of the first half in random order: what is guessed from the topic
alone is guessed then as well. The idea is that of Golchin and Surdeanu, "Time travel in LLMs",
arXiv 2308.08493, 2024, with the shuffled half for the general instruction.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from leitai.base.files import read_json, write_json
from leitai.comparison.audit import Finding
from leitai.comparison.audit.findings import UNSEEN
from leitai.comparison.material import Asked
from leitai.comparison.scoring import Scorer
from leitai.comparison.stages import Stages
from leitai.comparison.statistics import mcnemar_exact
from leitai.data import Row
from leitai.data.contamination import words
from leitai.data.duplicates import question
from leitai.evaluation.asking import reference_of
from leitai.evaluation.respondents import Respondent

ENOUGH = 8
"""Words, or Chinese characters, that must be written in a row to count as known by heart."""

CHARACTERS = 200
"""That a contender may go on with."""

_SURE = 0.05
_UNITS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\s\u3400-\u9fff\uf900-\ufaff]+|\s+")
_ASKED = {
    "zh": "请接着下面的文字往下写，只写后文，尽量逐字还原：\n\n{text}",
    "en": "Continue the text below. Write only what follows, word for word:\n\n{text}",
}


def probe(
    scorer: Scorer, asked: Mapping[str, Asked], count: int, seed: int, stages: Stages
) -> Path | None:
    """Probe a contender with items of every task, or find it probed.

    Args:
        scorer: of the contender as it came.
        asked: the tasks.
        count: items of each, the first of the fixed order that are long enough.
        seed: of the shuffled halves.
        stages: of the run.

    Returns:
        The file of what was found by task; None where there is nothing to be asked: rows without a
        language model, and random weights.

    Raises:
        LeitaiError: the contender cannot be opened or asked.
    """
    contender = scorer.contender
    if contender.kind == "reference" or contender.spec.scratch:
        return None
    path = contender.folder / "probe.json"
    arm = scorer.spec.main_arm
    inputs = {
        "tasks": {name: scorer.inputs(one, arm) for name, one in asked.items()},
        "count": count,
        "seed": seed,
    }

    def work() -> None:
        respondent = scorer.respondent(arm)
        found = {}
        if "write" in respondent.abilities:
            found = {
                name: _probe(respondent, one.items, count, seed) for name, one in asked.items()
            }
        write_json(path, found)

    stages.run(f"probe-{contender.key}", inputs, [path], work)
    return path


def probe_findings(
    keys: Sequence[str], tasks: Sequence[str], paths: Mapping[str, Path | None]
) -> list[Finding]:
    """Return one line of the audit for each task, from what was found of each contender.

    Args:
        keys: of all contenders.
        tasks: their names.
        paths: what `probe` returned.
    """
    found = {key: {} if path is None else read_json(path) for key, path in paths.items()}
    findings = []
    for task in tasks:
        results = {key: found[key].get(task) for key in keys}
        known = any(
            result is not None and result["known"] > result["control"] and result["p"] <= _SURE
            for result in results.values()
        )
        findings.append(
            Finding(
                f"probe:{task}",
                {
                    "en": f"items of {task} whose second half it writes word for word (with the "
                    "first half shuffled)",
                    "zh": f"{task} 中能逐字续写后半的题数（括号内为前半打乱时）",
                },
                tuple(
                    UNSEEN
                    if (result := results[key]) is None
                    else f"{result['known']} / {result['items']} ({result['control']})"
                    for key in keys
                ),
                "warning" if known else "ok",
                {
                    "en": "it seems to know these items from before: its score may flatter it"
                    if known
                    else "no sign that items were known from before",
                    "zh": "似曾见过这些题：其成绩可能偏高" if known else "没有见过这些题的迹象",
                },
            )
        )
    return findings


def probe_rows(items: Sequence[Row], count: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Return what is asked of the first items that are long enough.

    Args:
        items: of a task, in their fixed order.
        count: at most so many.
        seed: of the shuffled halves.

    Returns:
        Rows with the first halves in order, and with their words shuffled.
    """
    halves = [(row, half) for row in items if (half := _halves(question(row))) is not None][:count]
    real = [_row(row, first, second) for row, (first, second) in halves]
    shuffled = [
        _row(row, _shuffle(first, f"{seed} {row.id}"), second) for row, (first, second) in halves
    ]
    return real, shuffled


def _probe(respondent: Respondent, items: Sequence[Row], count: int, seed: int) -> dict[str, Any]:
    real, shuffled = probe_rows(items, count, seed)
    known, control = (
        [
            _begins(written.text, reference_of(row))
            for row, written in zip(rows, respondent.write(rows, CHARACTERS), strict=True)
        ]
        if rows
        else []
        for rows in (real, shuffled)
    )
    only = sum(a and not b for a, b in zip(known, control, strict=True))
    other = sum(b and not a for a, b in zip(known, control, strict=True))
    return {
        "items": len(real),
        "known": sum(known),
        "control": sum(control),
        "p": mcnemar_exact(only, other),
    }


def _halves(text: str) -> tuple[str, str] | None:
    """Part a text in the middle; None when a half would be too short to tell anything."""
    units = _UNITS.findall(text)
    solid = [at for at, unit in enumerate(units) if not unit.isspace()]
    if len(solid) < 2 * ENOUGH:
        return None
    middle = solid[len(solid) // 2]
    first, second = "".join(units[:middle]), "".join(units[middle:])
    return (first, second) if len(words(second)) >= ENOUGH else None


def _shuffle(text: str, seed: str) -> str:
    """Put the words of a text into random order; what parts them stays where it is."""
    units = _UNITS.findall(text)
    solid = [unit for unit in units if not unit.isspace()]
    random.Random(seed).shuffle(solid)
    shuffled = iter(solid)
    return "".join(unit if unit.isspace() else next(shuffled) for unit in units)


def _row(row: Row, first: str, second: str) -> Row:
    asked = _ASKED["zh" if row.language == "zh" else "en"].format(text=first)
    messages = ({"role": "user", "content": asked}, {"role": "assistant", "content": second})
    return replace(row, messages=messages, label=None, tools=None)


def _begins(written: str, second: str) -> bool:
    return words(written)[:ENOUGH] == words(second)[:ENOUGH]
