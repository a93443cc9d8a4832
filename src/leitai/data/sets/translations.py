"""Sentence pairs: WMT's news in both directions, NTREX-128, Tatoeba."""

from collections.abc import Iterator

from leitai.data.lines import read_jsonl
from leitai.data.public import Find, PublicSet, Reader
from leitai.data.rows import Row
from leitai.data.source import SplitName
from leitai.data.wordings import Templates, asked, wording

TEMPLATES: Templates = {
    "zh": (
        "请把下面的英文译成中文，只写译文。\n\n{text}",
        "英译中：{text}",
        "{text}\n\n以上英文用中文怎么说？只写译文，不要解释。",
    ),
    "en": (
        "Translate the Chinese text below into English. Write only the translation.\n\n{text}",
        "Chinese to English: {text}",
        "{text}\n\nHow does one say this in English? Give the translation and nothing else.",
    ),
}
"""By the language to be written."""


def translation(
    identity: str,
    text: str,
    reference: str,
    *,
    target: str,
    source: str,
    number: int,
    group: str | None = None,
    split: SplitName | None = "test",
) -> Row:
    """Return a row that asks for a translation; its language is the one to be written."""
    template = wording(TEMPLATES, target, number, "translations")
    facts = {"text": text, "from": "en" if target == "zh" else "zh", "to": target}
    return asked(
        identity,
        template.format(text=text),
        reference,
        source=source,
        language=target,
        group=group,
        split=split,
        facts=facts,
    )


def _pairs(name: str, files: tuple[str, ...], *, back: bool = False) -> Reader:
    """Read files of {id, src_lang, tgt_lang, src, ref}; with `back`, ask for the source again."""

    def read(find: Find, number: int) -> Iterator[Row]:
        for file in files:
            for line, record in read_jsonl(find(file)):
                text, reference, target = record["src"], record["ref"], record["tgt_lang"]
                if back:
                    text, reference, target = reference, text, record["src_lang"]
                yield translation(
                    f"{record['id']}-back" if back else record["id"],
                    text,
                    reference,
                    target=target,
                    source=f"{name}/{file}, line {line}",
                    number=number,
                    group=record.get("doc"),
                )

    return read


_WMT = {
    view: tuple(f"wmt{year}_{pair}.jsonl" for year in years for pair in pairs)
    for view, years, pairs in (
        ("wmt23", (23,), ("zh-en", "en-zh")),
        ("wmt22", (22,), ("zh-en", "en-zh")),
        ("wmt21", (21,), ("zh-en", "en-zh")),
        ("zh-en", (21, 22, 23), ("zh-en",)),
        ("en-zh", (21, 22, 23), ("en-zh",)),
    )
}
WMT = PublicSet(
    name="wmt_zh_en",
    title="news and general texts of WMT 2021 to 2023, Chinese and English, both directions",
    licence="none stated",
    repository="wmt-conference/wmt23-news-systems",
    commit="99b5b9de2a53",
    files=(),
    views={view: _pairs("wmt_zh_en", files) for view, files in _WMT.items()},
)
NTREX = PublicSet(
    name="ntrex",
    title="English news with professional Chinese translations, whole documents",
    licence="CC-BY-SA-4.0",
    repository="MicrosoftTranslator/NTREX",
    commit="8561f6a622db",
    files=(),
    language="zh",
    views={"en-zh": _pairs("ntrex", ("ntrex_en-zh.jsonl",))},
)
TATOEBA = PublicSet(
    name="tatoeba",
    title="short sentence pairs, Chinese and English",
    licence="CC-BY-2.0-FR",
    repository="facebookresearch/LASER",
    commit="74bc6ae7ffb7",
    files=(),
    views={
        "zh-en": _pairs("tatoeba", ("tatoeba_zh-en.jsonl",)),
        "en-zh": _pairs("tatoeba", ("tatoeba_zh-en.jsonl",), back=True),
    },
)
