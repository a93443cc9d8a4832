"""Claim 1: who made Llama 3, and does it read in one direction or in both?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.comparison.suites.article.bench import Bench
from leitai.comparison.suites.article.findings import Finding, fact
from leitai.comparison.wording import Bilingual

if TYPE_CHECKING:
    from leitai.models import AttentionScope, Decoder

PRESETS = ("qwen2-nano", "qwen3-nano", "llama3-nano", "qwen3-micro", "llama3-micro")
LENGTH, PLACE = 48, 24
ROUNDING = 1e-5
"""Relative change that arithmetic of another order could make in float32."""

MAKERS = {"llama": "Meta", "qwen2": "Alibaba", "qwen3": "Alibaba"}
"""By the architecture that config.json names; Llama 3: arXiv 2407.21783, Qwen: 2412.15115."""


@dataclass(frozen=True)
class Reach:
    """What the change of one token does to the outputs of the others.

    Attributes:
        before: largest change of an earlier place's output, relative to the largest output.
        after: the same of the token's own and later places.
    """

    before: float
    after: float

    @property
    def causal(self) -> bool:
        """Whether a later token is invisible earlier, and visible from its own place on."""
        return self.before <= ROUNDING < self.after


def reach_of_a_token(
    decoder: "Decoder",
    scope: "Callable[[list[int]], AttentionScope | None]" = lambda ids: None,
    *,
    length: int = LENGTH,
    place: int = PLACE,
) -> Reach:
    """Change the token at `place` and see at which places the final hidden states change.

    An autoencoder's attention (BERT, arXiv 1810.04805) lets a later token change earlier outputs;
    a causal decoder's cannot.

    Args:
        decoder: any weights; which tokens are seen does not depend on them.
        scope: makes the attention of a pass over these ids; None is the model's own.
        length: tokens read.
        place: counted from 0, above 0 and below `length`.
    """
    import torch

    draws = torch.Generator().manual_seed(0)
    ids = torch.randint(decoder.config.vocab_size, (length,), generator=draws).tolist()
    changed = [*ids]
    changed[place] = (ids[place] + 1) % decoder.config.vocab_size
    with torch.no_grad():
        one, other = (
            decoder(torch.tensor([row]), scope=scope(row))[0].double() for row in (ids, changed)
        )
    change = (one - other).abs().amax(dim=-1) / one.abs().max()
    return Reach(float(change[:place].max()), float(change[place:].max()))


def both_ways(ids: list[int]) -> "AttentionScope":
    """The masked objective's attention, in which every token sees the whole text."""
    import numpy as np

    from leitai.forest import ForestScope, plant

    return ForestScope(plant([np.asarray(ids)], share=False), causal=False)


def measure(bench: Bench) -> list[Finding]:
    """Run the test on both families' architectures, a control, and the user's checkpoints."""
    from leitai.evaluation.respondents.source import find_checkpoint, hash_checkpoint
    from leitai.models import load_decoder

    findings = []
    models = {preset: bench.scratch(preset) for preset in PRESETS}
    places = [(name, model.folder, model.state) for name, model in models.items()]
    for stated in bench.models:
        if stated is not None:
            folder = find_checkpoint(stated, Path.cwd())
            places.append((stated, folder, hash_checkpoint(folder)))
    for number, (name, folder, state) in enumerate(places):

        def work(folder: Any = folder) -> dict[str, Any]:
            decoder = load_decoder(folder, dtype="float32", device="cpu")
            own, control = reach_of_a_token(decoder), reach_of_a_token(decoder, both_ways)
            return {
                "family": decoder.config.family,
                **{"before": own.before, "after": own.after},
                "control": control.before,
            }

        inputs = {"state": state, "length": LENGTH, "place": PLACE}
        found = bench.measure(f"causality-{number}", inputs, work)
        own = Reach(found["before"], found["after"])
        # The claim says that Llama 3 is the autoencoder; of Qwen it says nothing.
        decides = found["family"] == "llama"
        findings += [
            fact(
                Bilingual(
                    f"{name}: change of earlier outputs when a later token changes",
                    f"{name}：改动后面的词元时，前面位置输出的变化",
                ),
                own.before,
                holds=not own.causal if decides else None,
            ),
            fact(
                Bilingual(
                    f"{name}: the same with attention opened to both sides (control)",
                    f"{name}：同样的改动，但注意力改为双向（对照）",
                ),
                found["control"],
            ),
        ]
    findings.append(
        fact(
            Bilingual(
                "makers of the Llama architecture that are OpenAI (the Llama 3 report names "
                f"{MAKERS['llama']})",
                f"Llama 架构的作者中属于 OpenAI 的个数（Llama 3 报告署名 {MAKERS['llama']}）",
            ),
            float(MAKERS["llama"] == "OpenAI"),
            holds=MAKERS["llama"] == "OpenAI",
        )
    )
    return findings
