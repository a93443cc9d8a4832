"""Servers asked, before anything is paid, which ids they make of some prompts."""

from collections.abc import Mapping
from pathlib import Path

from leitai.base.files import write_json
from leitai.comparison.audit.served import SHOWN
from leitai.comparison.material import Asked
from leitai.comparison.scoring import Scorer
from leitai.comparison.stages import Stages


def show_prompts(scorer: Scorer, asked: Mapping[str, Asked], stages: Stages) -> Path | None:
    """Write what a server makes of the first prompts of every task, or find it written.

    Args:
        scorer: of a contender.
        asked: the tasks.
        stages: of the run.

    Returns:
        The file: for each prompt its ids as "told" by the server and "here", null where unknown;
        None for a contender that is no server.

    Raises:
        LeitaiError: the contender cannot be opened.
    """
    from leitai.evaluation.respondents.endpoint.respondent import Endpoint

    if scorer.contender.kind != "endpoint":
        return None
    path, arm = scorer.contender.folder / "prompts.json", scorer.spec.main_arm
    inputs = {"tasks": {name: scorer.inputs(one, arm) for name, one in asked.items()}, "n": SHOWN}

    def work() -> None:
        respondent = scorer.respondent(arm)
        rows = [row for one in asked.values() for row in one.items[:SHOWN] if len(row.messages) > 1]
        served = respondent.served(rows) if isinstance(respondent, Endpoint) else []
        write_json(path, [one._asdict() for one in served])

    stages.run(f"prompts-{scorer.contender.key}", inputs, [path], work)
    return path
