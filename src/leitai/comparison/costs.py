"""What answers cost: money where an endpoint has a price, parameters where weights lie here."""

from collections.abc import Sequence
from pathlib import Path

from leitai.comparison.audit import Side
from leitai.comparison.contender import Contender
from leitai.evaluation.respondents.endpoint.ledger import Ledger, Spent


def spent_by(contender: Contender, spec_folder: Path) -> Spent | None:
    """Return what an endpoint's answers used and cost; None for the other kinds.

    Raises:
        LeitaiError: the price table or the ledger cannot be read.
    """
    endpoint = contender.spec.endpoint
    if endpoint is None:
        return None
    ledger = Ledger(contender.folder / "answers.jsonl")
    return ledger.spent(endpoint.find_price(spec_folder))


def repeatable_costs(
    contenders: Sequence[Contender], sides: Sequence[Side], spec_folder: Path
) -> dict[str, dict[str, float]]:
    """Return the costs that the same spec gives again, by measure and contender.

    Args:
        contenders: after all was asked.
        sides: what the audit sees of them.
        spec_folder: where relative paths start.

    Returns:
        "price": of an answer, where an endpoint has one; "parameters": where weights lie here.

    Raises:
        LeitaiError: a price table or a ledger cannot be read.
    """
    prices: dict[str, float] = {}
    currencies = set()
    for contender in contenders:
        spent = spent_by(contender, spec_folder)
        if spent is not None and spent.cost is not None and spent.requests:
            prices[contender.key] = spent.cost / spent.requests
            currencies.add(spent.currency)
    return {
        # Prices in two currencies cannot be compared.
        "price": prices if len(currencies) == 1 else {},
        "parameters": {side.key: float(side.view.total) for side in sides if side.view is not None},
    }
