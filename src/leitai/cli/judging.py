"""The verb that compares contenders' answers, by people or by a model."""

from pathlib import Path
from typing import Annotated

import typer


def judge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run of compare.")],
    task: Annotated[
        str | None, typer.Option("--task", help="The task; needed if there are several.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE.csv", help="A blind sheet for people.")
    ] = None,
    read: Annotated[bool, typer.Option("--read", help="Count a filled sheet.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="A model that judges instead.")
    ] = None,
    judge_spec: Annotated[
        Path | None,
        typer.Option(
            "--judge",
            metavar="JUDGE.yaml",
            help="A judge named as a contender of compare is: an endpoint, for one.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sheet's order.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.jsonl", help="Who won each item.")
    ] = None,
) -> None:
    """Say which contender's answers are better: blind, by people or by a model.

    Two to eight contenders are compared pair by pair. What is found stands in the run's report too.

    Examples:

        leitai judge runs/blurbs --sheet blurbs.csv

        leitai judge runs/blurbs --sheet blurbs.csv --read

        leitai judge runs/blurbs --judge judge.yaml
    """
    from leitai.cli import judgements

    judgements.judge(
        run,
        task=task,
        sheet=sheet,
        read=read,
        model=model,
        judge_spec=judge_spec,
        seed=seed,
        out=out,
    )
