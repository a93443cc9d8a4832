"""Contenders without a model: each is right on a share of the items that its name says."""

import hashlib

from leitai.evaluation.asking import reference_of
from leitai.evaluation.respondents import Measured, Weighed, Written


class Scripted:
    """Knows the answer of as many items in a hundred as the endpoint's model name says."""

    abilities = frozenset({"write", "choose", "measure"})

    def __init__(self, model, prompting):
        self.model, self.prompting = model, prompting
        self.asked = []

    def knows(self, row):
        self.asked.append(row.id)
        system = self.prompting.system or ""
        # A system prompt "+10" helps with ten more items in a hundred.
        rate = int(self.model.split("-")[1]) + int(system or 0)
        digest = hashlib.sha256(f"{self.model} {row.id}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 100 < rate

    def write(self, rows, max_characters):
        return [Written(reference_of(row) if self.knows(row) else "?") for row in rows]

    def choose(self, rows, choices):
        return [
            Weighed(
                tuple(0.0 if (choice == reference_of(row)) == known else -1.0 for choice in offered)
            )
            for row, offered in zip(rows, choices, strict=True)
            for known in [self.knows(row)]
        ]

    def measure(self, rows):
        return [Measured(-1.0 - 0.01 * len(self.model), 1) for _ in rows]

    def read(self, texts):
        return [Measured(-1.0, 1) for _ in texts]


def script(monkeypatch):
    """Put scripted contenders in the place of endpoints; returns those that were opened."""
    from leitai.comparison import scoring
    from leitai.evaluation.respondents.source import open_respondent

    opened = []

    def open_scripted(spec, prompting, **options):
        if spec.endpoint is None:
            return open_respondent(spec, prompting, **options)
        opened.append(Scripted(spec.endpoint.model, prompting))
        return opened[-1]

    monkeypatch.setattr(scoring, "open_respondent", open_scripted)
    return opened


def write_spec(folder, rates, extra="", items=400, references=()):
    """Write a spec and its data: so many arithmetic questions, in two languages."""
    rows = ["text,label,language"]
    for i in range(items):
        question = f"is {i} + {i % 7} even" if i % 2 else f"{i} 加 {i % 7} 是偶数吗"
        rows.append(
            f"{question},{'yes' if (i + i % 7) % 2 == 0 else 'no'},{'en' if i % 2 else 'zh'}"
        )
    (folder / "rows.csv").write_text("\n".join(rows) + "\n", "utf-8")
    contenders = [
        f'  - {{name: R{rate}, endpoint: {{url: "http://localhost:9/v1", model: "r-{rate}"}}}}'
        for rate in rates
    ]
    contenders += [f"  - {{reference: {name}}}" for name in references]
    path = folder / "spec.yaml"
    listed = "\n".join(contenders)
    path.write_text(
        f"""name: scripted
contenders:
{listed}
train_on:
  - {{path: rows.csv, format: labels, split: {{train: 0.1, validation: 0.05, test: 0.85}}}}
tasks:
  - name: sums
    kind: classification
    grade: generation
    data: {{path: rows.csv, format: labels, split: {{train: 0.1, validation: 0.05, test: 0.85}}}}
{extra}
""",
        "utf-8",
    )
    return path
