"""Examinations with lettered choices: MMLU, CMMLU, C-Eval and AGIEval."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.data.lines import read_jsonl, read_lines
from leitai.data.public import Find, PublicSet, Reader
from leitai.data.rows import Row
from leitai.data.sets.word_problems import agieval_problems
from leitai.data.source import SplitName
from leitai.data.wordings import Templates, asked, wording

LETTERS = "ABCDEFGHIJ"

TEMPLATES: Templates = {
    "zh": (
        "{passage}以下是一道单项选择题，请选出正确的选项，只回答选项字母。\n\n"
        "{question}\n{choices}",
        "{passage}问题：{question}\n{choices}\n请从 {letters} 中选一个字母作答，不要解释。",
    ),
    "en": (
        "{passage}Choose the right answer to the question. Reply with the letter alone.\n\n"
        "{question}\n{choices}",
        "{passage}Question: {question}\n{choices}\nAnswer with one of {letters} and nothing else.",
    ),
}
BARE: Templates = {
    "zh": ("{passage}{question}\n请直接写出答案。",) * 2,
    "en": ("{passage}{question}\nGive the answer itself.",) * 2,
}
"""The same question without its choices, for those that weigh the answers' own words."""


def choice_question(
    identity: str,
    question: str,
    choices: Sequence[str],
    right: int,
    *,
    language: str,
    number: int,
    source: str,
    split: SplitName | None = "test",
    group: str | None = None,
    subject: str | None = None,
    passage: str = "",
) -> Row:
    """Return a row that lists lettered choices; the reference answer is the right letter.

    Raises:
        LeitaiError: there are too few or too many choices, or no such template.
    """
    if not 2 <= len(choices) <= len(LETTERS) or not 0 <= right < len(choices):
        raise LeitaiError(
            f"{len(choices)} choices, of which number {right} is to be right",
            where=source,
            remedy=f"give 2 to {len(LETTERS)} choices and say which is right",
        )
    letters = LETTERS[: len(choices)]
    parts = {
        "passage": f"{passage.strip()}\n\n" if passage.strip() else "",
        "question": question.strip(),
        "choices": "\n".join(f"{a}. {b}" for a, b in zip(letters, choices, strict=True)),
        "letters": "、".join(letters) if language == "zh" else ", ".join(letters),
    }
    facts = {
        "choices": list(choices),
        "right": right,
        "bare": wording(BARE, language, number, "bare").format(**parts),
    }
    return asked(
        identity,
        wording(TEMPLATES, language, number, "choices").format(**parts),
        letters[right],
        source=source,
        language=language,
        split=split,
        group=group,
        facts=facts | ({"subject": subject} if subject else {}),
    )


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, fields in enumerate(csv.reader(text for _, text in read_lines(path)), 1):
        if fields:
            yield number, fields


def _row(fields: Sequence[str], identity: str, shown: str, number: int, **more: str) -> Row:
    """Make a row of question, A, B, C, D, answer letter."""
    if len(fields) != 6 or fields[5].strip() not in LETTERS[:4]:
        raise LeitaiError(
            "expected question, A, B, C, D and the answer's letter", where=shown, remedy="check it"
        )
    return choice_question(
        identity,
        fields[0],
        fields[1:5],
        LETTERS.index(fields[5].strip()),
        language=more["language"],
        number=number,
        source=shown,
        split="test" if more["split"] == "test" else "validation",
        subject=more["subject"],
    )


def _merged(name: str, language: str) -> Reader:
    """Read dev.csv with a column for the subject: the examples before the questions."""

    def read(find: Find, number: int) -> Iterator[Row]:
        for line, fields in _table(find("dev.csv")):
            if line == 1:
                continue
            more = {"language": language, "split": "validation", "subject": fields[0]}
            yield _row(fields[1:], f"dev-{line}", f"{name}/dev.csv, row {line}", number, **more)

    return read


def _folders(
    name: str, language: str, parts: Sequence[tuple[str, str, str]], *, header: bool, skip: int
) -> Reader:
    """Read the published layout: a folder a part, a file a subject.

    Args:
        name: of the set.
        language: of the questions.
        parts: (a file that must be there, suffix of every file, split).
        header: whether files begin with the columns' names.
        skip: columns before the question.
    """

    def read(find: Find, number: int) -> Iterator[Row]:
        for probe, suffix, split in parts:
            folder = find(probe).parent
            for path in sorted(folder.glob(f"*{suffix}")):
                subject = path.name.removesuffix(suffix)
                for line, fields in _table(path):
                    if header and line == 1:
                        continue
                    yield _row(
                        fields[skip : skip + 6],
                        f"{folder.name}-{subject}-{line}",
                        f"{name}/{folder.name}/{path.name}, row {line}",
                        number,
                        language=language,
                        split=split,
                        subject=subject,
                    )

    return read


_AGIEVAL_ZH = ("biology", "chemistry", "chinese", "geography", "history", "mathqa", "physics")
_AGIEVAL_EN = ("gaokao-english", "sat-en", "sat-math", "aqua-rat")
_LETTER = re.compile(r"^\s*(?:\([A-J]\)|[A-J][.．])\s*")


def _agieval(find: Find, number: int) -> Iterator[Row]:
    files = [(f"gaokao-{name}", "zh") for name in _AGIEVAL_ZH] + [(n, "en") for n in _AGIEVAL_EN]
    for name, language in files:
        for line, record in read_jsonl(find(f"{name}.jsonl")):
            label = record["label"]
            if not isinstance(label, str) or len(label) != 1:
                continue  # several right answers, which one letter cannot give
            choices = [_LETTER.sub("", option) for option in record["options"]]
            passage = record["passage"] or ""
            yield choice_question(
                f"{name}-{line}",
                record["question"],
                choices,
                LETTERS.index(label),
                language=language,
                number=number,
                source=f"agieval/{name}.jsonl, line {line}",
                group=f"{name}: {passage[:60]}" if passage else None,
                subject=name,
                passage=passage,
            )


MMLU = PublicSet(
    name="mmlu",
    title="57 subjects with four choices each",
    licence="MIT",
    repository="HaeChan0305/MLILAB-FedLLM",
    commit="d92730e8bacd",
    files=(),
    language="en",
    views={
        "examples": _merged("mmlu", "en"),
        "questions": _folders(
            "mmlu",
            "en",
            (
                ("dev/abstract_algebra_dev.csv", "_dev.csv", "validation"),
                ("test/abstract_algebra_test.csv", "_test.csv", "test"),
            ),
            header=False,
            skip=0,
        ),
    },
)
CMMLU = PublicSet(
    name="cmmlu",
    title="67 subjects with four choices each, in Chinese; not for commercial use",
    licence="CC-BY-NC-SA-4.0",
    repository="haonan-li/CMMLU",
    commit="d6e7b716d8ac",
    files=(),
    language="zh",
    views={
        "examples": _merged("cmmlu", "zh"),
        "questions": _folders(
            "cmmlu",
            "zh",
            (
                ("dev/agronomy.csv", ".csv", "validation"),
                ("test/agronomy.csv", ".csv", "test"),
            ),
            header=True,
            skip=1,
        ),
    },
)
CEVAL = PublicSet(
    name="ceval",
    title="52 subjects with four choices each, in Chinese; not for commercial use",
    licence="CC-BY-NC-SA-4.0",
    repository="hkust-nlp/ceval",
    commit="",
    files=(),
    language="zh",
    views={
        "questions": _folders(
            "ceval",
            "zh",
            (
                ("dev/accountant_dev.csv", "_dev.csv", "validation"),
                ("val/accountant_val.csv", "_val.csv", "test"),
            ),
            header=True,
            skip=1,
        ),
    },
)
AGIEVAL = PublicSet(
    name="agieval",
    title="Gaokao, SAT and AQuA-RAT questions with choices",
    licence="MIT; AQuA-RAT Apache-2.0",
    repository="ruixiangcui/AGIEval",
    commit="5c77d073fda9",
    files=(),
    views={"choices": _agieval, "problems": agieval_problems},
)
