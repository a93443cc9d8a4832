"""The verb that compares two contenders' answers, by people or by a model."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leitai.base.errors import LeitaiError
from leitai.base.files import write_jsonl
from leitai.cli import show

if TYPE_CHECKING:
    from leitai.evaluation.judging import Judgement
    from leitai.evaluation.records import ItemRecord

_POINTS = {"a": 1, "tie": 0, "b": -1}


def judge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run of compare.")],
    task: Annotated[str | None, typer.Option("--task", help="Which task; the only one.")] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE.csv", help="A blind sheet for people.")
    ] = None,
    read: Annotated[bool, typer.Option("--read", help="Count a filled sheet.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="A model that judges instead.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sheet's order.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.jsonl", help="Who won each item.")
    ] = None,
) -> None:
    """Say which contender's answers are better: blind, by people or by a model.

    Examples:

        leitai judge runs/blurbs --sheet blurbs.csv

        leitai judge runs/blurbs --sheet blurbs.csv --read
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


def _by_model(a: "list[ItemRecord]", b: "list[ItemRecord]", model: str) -> "Judgement":
    from leitai.evaluation.asking import Prompting
    from leitai.evaluation.judging import judge as ask
    from leitai.evaluation.respondents.local import Local
    from leitai.inference import LanguageModel

    found = ask(a, b, Local(LanguageModel.load(model), Prompting(date="26 Jul 2024")))
    show.line(f"verdicts not readable: {100 * found.unparsed:.1f}%")
    show.line(f"winner changed with the order: {100 * found.inconsistent:.1f}%")
    return found


def _tell(found: "Judgement", out: Path | None) -> None:
    for name in found.slices:
        show.line(f"{name}: {_counts(found.within(name))}")
    show.line(_counts(found))
    show.line(_strength(found))
    if out is not None:
        write_jsonl(out, (asdict(preference) for preference in found.preferences))


def _counts(found: "Judgement") -> str:
    return "A better: {}, B better: {}, tie: {}".format(*found.wins)


def _strength(found: "Judgement") -> str:
    """Say how strong A is beside B, all items of a group resampled together."""
    import numpy as np

    from leitai.comparison.statistics.preference import bradley_terry
    from leitai.comparison.wording import p_value

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


def _records(run: Path, task: str | None) -> "tuple[list[ItemRecord], list[ItemRecord]]":
    from leitai.evaluation.records import read_records

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
