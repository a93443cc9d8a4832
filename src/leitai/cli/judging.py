"""The verb that compares two contenders' answers, by people or by a model."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from leitai.base.errors import LeitaiError
from leitai.base.files import write_jsonl
from leitai.cli import show
from leitai.comparison.statistics.preference import bradley_terry
from leitai.comparison.wording import p_value
from leitai.evaluation.judging import Judgement
from leitai.evaluation.records import ItemRecord, read_records

_POINTS = {"a": 1, "tie": 0, "b": -1}


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
    a, b = _records(run, task)
    if (sheet is None) == (model is None):
        raise LeitaiError(
            "who judges?", where="leitai judge", remedy="give either --sheet FILE or --model M"
        )
    if model is not None:
        _tell(_by_model(a, b, model), out)
        return
    from leitai.evaluation.sheets import read_sheet, write_sheet

    path = Path(str(sheet))
    if read:
        _tell(read_sheet(path, a, b, seed=seed), out)
        return
    if path.exists():
        raise LeitaiError(
            "is there already", where=path, remedy="add --read to count it, or name another file"
        )
    count = write_sheet(path, a, b, seed=seed)
    show.line(f"{count} rows. Fill in `better` with 1, 2 or tie, then add --read: {path}")


def _by_model(a: list[ItemRecord], b: list[ItemRecord], model: str) -> Judgement:
    from leitai.evaluation.asking import Prompting
    from leitai.evaluation.judging import judge as ask
    from leitai.evaluation.respondents.local import Local
    from leitai.inference import LanguageModel

    found = ask(a, b, Local(LanguageModel.load(model), Prompting(date="26 Jul 2024")))
    show.line(f"verdicts not readable: {100 * found.unparsed:.1f}%")
    show.line(f"winner changed with the order: {100 * found.inconsistent:.1f}%")
    return found


def _tell(found: Judgement, out: Path | None) -> None:
    for name in found.slices:
        show.line(f"{name}: {_counts(found.within(name))}")
    show.line(_counts(found))
    show.line(_strength(found))
    if out is not None:
        write_jsonl(out, (asdict(preference) for preference in found.preferences))


def _counts(found: Judgement) -> str:
    return "A better: {}, B better: {}, tie: {}".format(*found.wins)


def _strength(found: Judgement) -> str:
    """Say how strong A is beside B, all items of a group resampled together."""
    prompts: dict[str, int] = {}
    votes = [
        (prompts.setdefault(p.group or p.id, len(prompts)), 0, 1, _POINTS[p.outcome])
        for p in found.preferences
    ]
    gap = bradley_terry(np.array(votes), 2).gaps[0, 1]
    value, (low, high) = gap.difference
    return (
        f"Bradley-Terry, log odds of A over B: {value:+.2f} "
        f"(95% interval {low:+.2f} to {high:+.2f}; {p_value(gap.p)})"
    )


def _records(run: Path, task: str | None) -> tuple[list[ItemRecord], list[ItemRecord]]:
    found = sorted(path.name for path in (run / "scores").glob("*") if (path / "A.jsonl").exists())
    name = task or (found[0] if len(found) == 1 else None)
    if name is None or name not in found:
        raise LeitaiError(
            "no scores of that task" if task else "which task?",
            where=run,
            remedy=f"give --task {', '.join(found)}" if found else "name a finished run of compare",
        )
    folder = run / "scores" / name
    return read_records(folder / "A.jsonl"), read_records(folder / "B.jsonl")
