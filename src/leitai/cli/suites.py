"""The verb compare, where it runs a ready-made suite of experiments instead of a spec."""

from collections.abc import Sequence
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.cli import show


def run_suite(
    name: str,
    out: Path | None,
    *,
    only: Sequence[str],
    model_a: str | None,
    model_b: str | None,
) -> None:
    """Run the suite and show what it says of each claim.

    Raises:
        LeitaiError: there is no such suite or claim, or an experiment fails.
    """
    if name != "article":
        raise LeitaiError(f"no suite is named {name!r}", where="--suite", remedy="use article")
    from leitai.comparison.suites.article import run_article

    result = run_article(out or Path("runs") / name, only=only, model_a=model_a, model_b=model_b)
    for claim in result.table["claims"]:
        show.line(f"{claim['verdict']:>14}  {claim['says']['en']}")
    show.line(f"report: {result.page}")


def refuse_mixture(
    spec: Path | None,
    suite: str | None,
    for_spec: dict[str, object],
    for_suite: dict[str, object],
) -> None:
    """Refuse options of a spec together with a suite, and the other way round.

    Args:
        spec: the file, if one is named.
        suite: the suite, if one is named.
        for_spec: options that go with a spec alone, by name.
        for_suite: options that go with a suite alone, by name.

    Raises:
        LeitaiError: both or neither are named, or an option goes with the other one.
    """
    if (spec is None) == (suite is None):
        raise LeitaiError(
            "what is to be compared?",
            where="leitai compare",
            remedy="give either SPEC.yaml or --suite article",
        )
    wrong = for_suite if suite is None else for_spec
    given = [name for name, value in wrong.items() if value]
    if given:
        other = "with --suite" if suite is None else "with SPEC.yaml"
        raise LeitaiError(f"goes {other} only", where=given[0], remedy="leave it out")
