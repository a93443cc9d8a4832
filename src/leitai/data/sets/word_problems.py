"""Mathematics whose answer is one value: GSM8K, CMATH, Ape210K and AGIEval's free answers."""

from collections.abc import Iterator

from leitai.data.lines import read_jsonl
from leitai.data.public import Find, PublicSet
from leitai.data.rows import Row
from leitai.data.source import Split, SplitName
from leitai.data.wordings import Templates, asked, wording

TEMPLATES: Templates = {
    "zh": (
        "{question}\n\n请写出解题过程，最后一行写“#### ”加上答案的数值。",
        "{question}\n\n请一步一步地想，最后用“答案是：”给出结果。",
        "{question}\n\n只写最后的得数。",
    ),
    "en": (
        "{question}\n\nShow your work, and write the value of the answer after #### "
        "on the last line.",
        '{question}\n\nThink step by step and end with "The answer is" and the result.',
        "{question}\n\nWrite only the final number.",
    ),
}


def _problem(
    identity: str,
    question: str,
    value: str,
    *,
    worked: str | None,
    language: str,
    number: int,
    source: str,
    split: SplitName | None = "test",
) -> Row:
    """Return a row; its reference is the worked solution where the set has one."""
    return asked(
        identity,
        wording(TEMPLATES, language, number, "problems").format(question=question.strip()),
        worked or f"#### {value}",
        source=source,
        language=language,
        split=split,
        facts={"answers": [value]},
    )


def _gsm8k(find: Find, number: int) -> Iterator[Row]:
    for line, record in read_jsonl(find("train.jsonl")):
        yield _problem(
            str(line),
            record["question"],
            record["answer"].rsplit("####", 1)[-1].strip(),
            worked=record["answer"],
            language="en",
            number=number,
            source=f"gsm8k/train.jsonl, line {line}",
            split=None,
        )


def _cmath(find: Find, number: int) -> Iterator[Row]:
    for line, record in read_jsonl(find("cmath_dev.jsonl")):
        yield _problem(
            str(line),
            record["input"],
            record["golden"],
            worked=None,
            language="zh",
            number=number,
            source=f"cmath/cmath_dev.jsonl, line {line}",
        )


def _ape210k(find: Find, number: int) -> Iterator[Row]:
    for line, record in read_jsonl(find("valid.jsonl")):
        yield _problem(
            record["id"],
            record["question"],
            record["answer"],
            worked=None,
            language="zh",
            number=number,
            source=f"ape210k/valid.jsonl, line {line}",
        )


def agieval_problems(find: Find, number: int) -> Iterator[Row]:
    """Yield AGIEval's problems without choices: Gaokao cloze in Chinese, MATH in English."""
    for name, language in (("gaokao-mathcloze", "zh"), ("math", "en")):
        for line, record in read_jsonl(find(f"{name}.jsonl")):
            yield _problem(
                f"{name}-{line}",
                record["question"],
                record["answer"],
                worked=None,
                language=language,
                number=number,
                source=f"agieval/{name}.jsonl, line {line}",
            )


GSM8K = PublicSet(
    name="gsm8k",
    title="grade-school word problems with worked solutions (the official training part)",
    licence="MIT",
    repository="openai/grade-school-math",
    commit="3101c7d50724",
    files=(),
    language="en",
    views={"problems": _gsm8k},
    split=Split(validation=0.1, test=0.1),
)
CMATH = PublicSet(
    name="cmath",
    title="primary-school word problems of six grades, in Chinese",
    licence="CC-BY-4.0",
    repository="XiaoMi/cmath",
    commit="9fa13ef0b2d0",
    files=(),
    language="zh",
    views={"problems": _cmath},
)
APE210K = PublicSet(
    name="ape210k",
    title="primary-school word problems with equations, in Chinese (the official validation part)",
    licence="MIT",
    repository="Chenny0808/ape210k",
    commit="52c52ebb517f",
    files=(),
    language="zh",
    views={"problems": _ape210k},
)
