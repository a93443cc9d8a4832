"""How the best contender stands to rows without a language model, which never win by themselves."""

from leitai.comparison.report.data import ReportData
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.views import TaskView
from leitai.comparison.wording import Bilingual

_WORDS = {"equivalent": "reference_equal", "undecided": "reference_open"}


def against_references(data: ReportData, task: TaskView) -> list[Bilingual]:
    """Say of every reference row how it compares with the first of the ranking.

    Args:
        data: the whole report.
        task: the primary one.
    """
    ranking = data.verdict["overall"].get("ranking") or ()
    if not ranking:
        return []
    best, scores = ranking[0], task.rows[0].scores
    found = []
    for key in data.keys:
        if data.contenders[key].kind != "reference" or key == best:
            continue
        pair, reference_first = task.between(key, best)
        ahead = pair.verdict == ("a_better" if reference_first else "b_better")
        words = _WORDS.get(pair.verdict, "reference_better" if ahead else "reference_worse")
        found.append(
            STRINGS[words].format(
                reference=data.contenders[key].name,
                score=scores[key].text,
                best=data.contenders[best].name,
                own=scores[best].text,
            )
        )
    return found
