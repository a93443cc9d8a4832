"""The whole suite: every claim's experiment, one table of claims."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import read_json, write_json, write_text
from leitai.base.locks import run_lock
from leitai.base.machine import machine, versions
from leitai.base.progress import progress
from leitai.comparison.suites.article.bench import Bench
from leitai.comparison.suites.article.claims import CLAIMS, Claim
from leitai.comparison.suites.article.findings import (
    ALPHA,
    Finding,
    adjusted,
    sign_of,
    verdict_of,
)
from leitai.comparison.suites.article.page import render_markdown, render_page
from leitai.comparison.suites.article.settings import Settings

SCHEMA = "leitai.claims/1"


@dataclass(frozen=True)
class SuiteResult:
    """What a suite leaves.

    Attributes:
        folder: the run folder.
        table: the contents of claims.json.
        page: claims.html.
    """

    folder: Path
    table: dict[str, Any]
    page: Path


def run_article(
    out: Path,
    *,
    only: Sequence[str] = (),
    model_a: str | None = None,
    model_b: str | None = None,
    settings: Settings | None = None,
) -> SuiteResult:
    """Run the experiments, or what is left of them, and write the table of claims.

    Experiments that an earlier call finished stay in the table, so claims may be run one by one.

    Args:
        out: the run folder.
        only: ids of claims; empty takes all.
        model_a: a Qwen checkpoint that claims 1 and 2 look at too.
        model_b: a Llama 3 checkpoint, likewise.
        settings: sizes of the experiments.

    Raises:
        LeitaiError: there is no such claim, a checkpoint is unfit, or the disk is full.
    """
    chosen = _choose(only)
    settings = settings or Settings()
    with run_lock(out):
        folder = out.resolve()
        bench = Bench(folder, settings, (model_a, model_b))
        with progress("claims", len(chosen)) as tick:
            for number, claim in enumerate(chosen, 1):
                values = [finding.as_dict() for finding in claim.measure(bench)]
                write_json(_file(folder, claim), {"findings": values})
                tick(number, claim.id)
        table = _table(folder, settings, (model_a, model_b))
        write_json(folder / "claims.json", table)
        write_text(folder / "claims.md", render_markdown(table))
        write_text(folder / "claims.html", render_page(table))
        write_json(folder / "manifest.json", {"versions": versions(), "machine": machine()})
    return SuiteResult(folder, table, folder / "claims.html")


def _choose(only: Sequence[str]) -> list[Claim]:
    known = {claim.id: claim for claim in CLAIMS}
    for name in only:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise LeitaiError(
                f"no claim is named {name!r}",
                where="--only",
                remedy=f"did you mean {near[0]!r}?" if near else f"use {', '.join(known)}",
            )
    return [known[name] for name in only] if only else list(CLAIMS)


def _file(folder: Path, claim: Claim) -> Path:
    return folder / "findings" / f"{claim.id}.json"


def _table(
    folder: Path, settings: Settings, models: tuple[str | None, str | None]
) -> dict[str, Any]:
    done = [claim for claim in CLAIMS if _file(folder, claim).exists()]
    findings = [
        [Finding.from_dict(value) for value in read_json(_file(folder, claim))["findings"]]
        for claim in done
    ]
    claims = []
    for claim, found, p_values in zip(done, findings, adjusted(findings), strict=True):
        signs = [sign_of(finding, p) for finding, p in zip(found, p_values, strict=True)]
        claims.append(
            {
                "id": claim.id,
                "says": claim.says.as_dict(),
                "test": claim.test.as_dict(),
                "limits": claim.limits.as_dict(),
                "verdict": verdict_of(signs),
                "findings": [
                    finding.as_dict() | {"p_holm": p, "sign": sign}
                    for finding, p, sign in zip(found, p_values, signs, strict=True)
                ],
            }
        )
    return {
        "schema": SCHEMA,
        "alpha": ALPHA,
        "settings": settings.as_dict(),
        "models": {"A": models[0], "B": models[1]},
        "claims": claims,
    }
