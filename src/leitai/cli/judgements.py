"""Two to eight contenders' answers, compared by people or by a model."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import read_json, write_jsonl
from leitai.base.specfile import load_spec
from leitai.cli import show
from leitai.comparison.pairing import KEYS
from leitai.comparison.preferences import FOLDER, keep_preferences, summarise
from leitai.comparison.wording import p_value
from leitai.evaluation.judging import Judgement, paired
from leitai.evaluation.records import ItemRecord, read_records
from leitai.evaluation.respondents.source import SourceSpec

Records = dict[str, list[ItemRecord]]
"""Of each contender, by its key."""


def judge(
    run: Path,
    *,
    task: str | None,
    sheet: Path | None,
    read: bool,
    model: str | None,
    judge_spec: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Write a blind sheet, read a filled one, or ask a model; `out` takes the preferences.

    Raises:
        LeitaiError: the run has no such task, or not exactly one of a sheet, a model and a judge's
            spec is named.
    """
    name, records = _records(run, task)
    if [sheet, model, judge_spec].count(None) != 2:
        raise LeitaiError(
            "who judges?",
            where="leitai judge",
            remedy="give one of --sheet FILE, --model M and --judge JUDGE.yaml",
        )
    asked = len(paired(records))
    if model is not None or judge_spec is not None:
        who = SourceSpec(model=model) if judge_spec is None else load_spec(judge_spec, SourceSpec)
        base = Path() if judge_spec is None else judge_spec.resolve().parent
        found = _by_model(run, name, records, asked, who, base)
        _tell(run, summarise(found, task=name, judge=who.source, asked=asked), records, found, out)
        return
    from leitai.evaluation.sheets import read_sheet, write_sheet

    path = Path(str(sheet))
    if read:
        found = read_sheet(path, records, seed=seed)
        _tell(run, summarise(found, task=name, judge=path.name, asked=asked), records, found, out)
        return
    if path.exists():
        raise LeitaiError(
            "is there already", where=path, remedy="add --read to count it, or name another file"
        )
    count = write_sheet(path, records, seed=seed)
    show.line(f"{count} rows. Fill in `better` with 1, 2 or tie, then add --read: {path}")


def _by_model(
    run: Path, task: str, records: Records, asked: int, who: SourceSpec, base: Path
) -> Judgement:
    """Ask a model; a server's answers are kept beside the run, and none is asked for twice."""
    from leitai.base.progress import progress
    from leitai.evaluation.asking import Prompting
    from leitai.evaluation.judging import judge as ask
    from leitai.evaluation.respondents.source import find_checkpoint, open_respondent

    respondent = open_respondent(
        who,
        Prompting(),
        folder=run / FOLDER / f"{task}-{who.source}",
        base=base,
        checkpoint=None if who.model is None else find_checkpoint(who.model, base),
    )
    with progress(f"judging: {who.source}", asked) as tick:
        return ask(records, respondent, tick)


def _tell(
    run: Path, summary: dict[str, Any], records: Records, found: Judgement, out: Path | None
) -> None:
    """Say what was found, and put it into the run's report."""
    names = _names(run, records)
    for line in _lines(summary, names):
        show.line(line)
    if out is not None:
        write_jsonl(out, (asdict(preference) for preference in found.preferences))
    keep_preferences(run, summary)
    if (run / "manifest.json").exists():
        from leitai.comparison.report import read_run, write_report

        write_report(run, read_run(run))
        show.line(f"Report: {show.short(run / 'report.html')}")


def _lines(summary: dict[str, Any], names: dict[str, str]) -> Iterator[str]:
    from leitai.comparison.report.preferred import odds_of

    yield f"judged: {summary['judged']} of {summary['asked']} comparisons"
    if summary["unparsed"] or summary["inconsistent"]:
        yield f"verdicts not readable: {100 * summary['unparsed']:.1f}%"
        yield f"winner changed with the order: {100 * summary['inconsistent']:.1f}%"
    whole, *parts = summary["slices"]
    for part in (*parts, whole):
        start = "" if part is whole else f"{part['slice']}: "
        for pair, counts in part["pairs"].items():
            a, b = pair.split("-")
            yield (
                f"{start}{names[a]} better: {counts['first']}, "
                f"{names[b]} better: {counts['second']}, tie: {counts['tie']}"
            )
    strengths = summary["strengths"]
    if len(strengths) > 2:
        for key in sorted(strengths, key=lambda key: -strengths[key]["value"]):
            one = strengths[key]
            ends = (
                "no interval: a group never lost to the others"
                if one["low"] is None
                else f"95% interval {one['low']:+.2f} to {one['high']:+.2f}"
            )
            yield f"Bradley-Terry strength of {names[key]}: {one['value']:+.2f} ({ends})"
    for pair, gap in summary["gaps"].items():
        a, b = pair.split("-")
        yield (
            f"Bradley-Terry, log odds of {names[a]} over {names[b]}, 95%: {odds_of(gap).en}; "
            f"{p_value(gap['p'])}"
        )


def _records(run: Path, task: str | None) -> tuple[str, Records]:
    found = sorted(path.name for path in (run / "scores").glob("*") if (path / "A.jsonl").exists())
    name = task or (found[0] if len(found) == 1 else None)
    if name is None or name not in found:
        raise LeitaiError(
            "no scores of that task" if task else "which task?",
            where=run,
            remedy=f"give --task {', '.join(found)}" if found else "name a finished run of compare",
        )
    folder = run / "scores" / name
    files = {key: path for key in KEYS if (path := folder / f"{key}.jsonl").exists()}
    return name, {key: read_records(path) for key, path in files.items()}


def _names(run: Path, records: Records) -> dict[str, str]:
    """Return the contenders' names as the verdict has them, or their keys."""
    path = run / "verdict.json"
    told = read_json(path)["contenders"] if path.exists() else {}
    return {key: str(told.get(key, {}).get("name", key)) for key in records}
