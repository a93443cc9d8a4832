"""Two to eight contenders' answers, compared by people or by a model."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from leitai.base.errors import LeitaiError
from leitai.base.files import read_json, write_jsonl
from leitai.cli import show
from leitai.comparison.pairing import KEYS
from leitai.comparison.statistics.preference import bradley_terry
from leitai.comparison.wording import p_value
from leitai.evaluation.judging import Judgement
from leitai.evaluation.records import ItemRecord, read_records

Records = dict[str, list[ItemRecord]]
"""Of each contender, by its key."""


def judge(
    run: Path,
    *,
    task: str | None,
    sheet: Path | None,
    read: bool,
    model: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Write a blind sheet, read a filled one, or ask a model; `out` takes the preferences.

    Raises:
        LeitaiError: the run has no such task, or neither or both of a sheet and a model are named.
    """
    records = _records(run, task)
    names = _names(run, records)
    if (sheet is None) == (model is None):
        raise LeitaiError(
            "who judges?", where="leitai judge", remedy="give either --sheet FILE or --model M"
        )
    if model is not None:
        _tell(_by_model(records, model), names, out)
        return
    from leitai.evaluation.sheets import read_sheet, write_sheet

    path = Path(str(sheet))
    if read:
        _tell(read_sheet(path, records, seed=seed), names, out)
        return
    if path.exists():
        raise LeitaiError(
            "is there already", where=path, remedy="add --read to count it, or name another file"
        )
    count = write_sheet(path, records, seed=seed)
    show.line(f"{count} rows. Fill in `better` with 1, 2 or tie, then add --read: {path}")


def _by_model(records: Records, model: str) -> Judgement:
    from leitai.evaluation.asking import Prompting
    from leitai.evaluation.judging import judge as ask
    from leitai.evaluation.respondents.local import Local
    from leitai.inference import LanguageModel

    found = ask(records, Local(LanguageModel.load(model), Prompting(date="26 Jul 2024")))
    show.line(f"verdicts not readable: {100 * found.unparsed:.1f}%")
    show.line(f"winner changed with the order: {100 * found.inconsistent:.1f}%")
    return found


def _tell(found: Judgement, names: dict[str, str], out: Path | None) -> None:
    for name in found.slices:
        for line in _counts(found.within(name), names):
            show.line(f"{name}: {line}")
    for line in (*_counts(found, names), *_strengths(found, names)):
        show.line(line)
    if out is not None:
        write_jsonl(out, (asdict(preference) for preference in found.preferences))


def _counts(found: Judgement, names: dict[str, str]) -> list[str]:
    return [
        f"{names[pair[0]]} better: {first}, {names[pair[1]]} better: {second}, tie: {ties}"
        for pair in found.pairs
        for first, second, ties in [found.wins(pair)]
    ]


def _strengths(found: Judgement, names: dict[str, str]) -> list[str]:
    """Say how strong each is, all votes on the items of a group resampled together."""
    keys = sorted({key for pair in found.pairs for key in pair})
    prompts: dict[str, int] = {}
    votes = [
        (
            prompts.setdefault(p.group or p.id, len(prompts)),
            keys.index(p.pair[0]),
            keys.index(p.pair[1]),
            (p.outcome == p.pair[0]) - (p.outcome == p.pair[1]),
        )
        for p in found.preferences
    ]
    fitted = bradley_terry(np.array(votes), len(keys))
    lines = []
    if len(keys) > 2:
        order = sorted(range(len(keys)), key=lambda at: -fitted.strengths[at].value)
        for at in order:
            value, (low, high) = fitted.strengths[at]
            lines.append(
                f"Bradley-Terry strength of {names[keys[at]]}: {value:+.2f} "
                f"(95% interval {low:+.2f} to {high:+.2f})"
            )
    for (i, j), gap in fitted.gaps.items():
        value, (low, high) = gap.difference
        lines.append(
            f"Bradley-Terry, log odds of {names[keys[i]]} over {names[keys[j]]}: {value:+.2f} "
            f"(95% interval {low:+.2f} to {high:+.2f}; {p_value(gap.p)})"
        )
    return lines


def _records(run: Path, task: str | None) -> Records:
    found = sorted(path.name for path in (run / "scores").glob("*") if (path / "A.jsonl").exists())
    name = task or (found[0] if len(found) == 1 else None)
    if name is None or name not in found:
        raise LeitaiError(
            "no scores of that task" if task else "which task?",
            where=run,
            remedy=f"give --task {', '.join(found)}" if found else "name a finished run of compare",
        )
    folder = run / "scores" / name
    return {key: read_records(path) for key in KEYS if (path := folder / f"{key}.jsonl").exists()}


def _names(run: Path, records: Records) -> dict[str, str]:
    """Return the contenders' names as the verdict has them, or their keys."""
    path = run / "verdict.json"
    told = read_json(path)["contenders"] if path.exists() else {}
    return {key: str(told.get(key, {}).get("name", key)) for key in records}
