"""Claim 3: with few labels, is training a part better than training everything?"""

from leitai.comparison.suites.article.bench import Bench
from leitai.comparison.suites.article.findings import Finding, compared, described
from leitai.comparison.suites.article.tuning import accuracy, adapted, if_learnt
from leitai.comparison.wording import Bilingual

PARTS = {
    "freeze": Bilingual("the top block alone", "只训练最上面一层"),
    "lora": Bilingual("LoRA", "LoRA"),
}
FULL = Bilingual("every weight", "训练全部权重")


def measure(bench: Bench) -> list[Finding]:
    """Compare full training with its parts, each under the rate that validation chose."""
    full = accuracy(bench, adapted(bench, "full"))
    ways, comparisons = [described(FULL, full, "accuracy")], []
    for method, name in PARTS.items():
        scores = accuracy(bench, adapted(bench, method))
        over = Bilingual(f"{name.en} over {FULL.en}", f"{name.zh}相对于{FULL.zh}")
        ways.append(described(name, scores, "accuracy"))
        comparisons.append(compared(over, scores, full, "accuracy"))
    return if_learnt(bench, ways, comparisons)
