"""The verb that compares contenders, by a spec or by a suite of experiments."""

from pathlib import Path
from typing import Annotated

import typer

from leitai.cli import show, suites
from leitai.cli.options import DataRoot, Set
from leitai.cli.planned import compare_duel, measured


def compare(
    spec: Annotated[
        Path | None, typer.Argument(metavar="[SPEC.yaml]", help="What to do, as YAML.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder; else runs/<name>.")] = None,
    data_root: DataRoot = None,
    set_: Set = None,
    suite: Annotated[
        str | None, typer.Option("--suite", help="Instead of a spec: article.", metavar="NAME")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="This claim of the suite; repeatable.", metavar="CLAIM"),
    ] = None,
    model_a: Annotated[
        str | None, typer.Option("--model-a", help="A Qwen checkpoint for the suite.", metavar="M")
    ] = None,
    model_b: Annotated[
        str | None, typer.Option("--model-b", help="A Llama 3 one for the suite.", metavar="M")
    ] = None,
) -> None:
    """Compare two to eight contenders, or put the claims of an article to the test.

    Writes verdict.json, report.html, report.md and scores/ into the run folder; a suite writes
    claims.json, claims.html and claims.md. Run the same command again to continue a stopped run.

    Examples:

        leitai compare examples/demo.yaml

        leitai compare examples/banking77.yaml --data-root ~/data --set adapt.epochs=3

        leitai compare --suite article --only languages --model-a ./qwen --model-b ./llama
    """
    for_suite: dict[str, object] = {"--only": only, "--model-a": model_a, "--model-b": model_b}
    suites.refuse_mixture(spec, suite, {"--set": set_}, for_suite)
    if suite is not None:
        suites.run_suite(suite, out, only=only or [], model_a=model_a, model_b=model_b)
        return
    from leitai.comparison.duel import compare as run

    path, overrides = Path(str(spec)), set_ or []
    with measured() as cost:
        done = run(path, out, data_root=data_root, overrides=overrides)
    compare_duel(path, done, cost["seconds"], data_root=data_root, overrides=overrides)
    show.duel(done)
