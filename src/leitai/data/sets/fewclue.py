"""FewCLUE (Xu et al., 2021): classification, inference, similarity and cloze in Chinese."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.lines import read_jsonl
from leitai.data.public import Find, PublicSet, Reader
from leitai.data.rows import Row
from leitai.data.sets.exams import choice_question
from leitai.data.source import Split, SplitName
from leitai.data.wordings import asked, wording

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _View:
    """How one of the tasks is asked.

    Attributes:
        files: file and split; training files without one are divided by the spec or the set.
        templates: with the record's fields; {labels} lists what may be answered.
        label: the answer of a record, in words.
        labels: all of them, as {labels} shows them; None where there are too many to list.
        fields: the record's fields as the templates name them.
    """

    files: tuple[tuple[str, SplitName | None], ...]
    templates: tuple[str, ...]
    label: Callable[[Record], str]
    labels: tuple[str, ...] | None
    fields: Callable[[Record], Record] = lambda record: record


def _of(names: Mapping[str, str], key: str = "label") -> Callable[[Record], str]:
    return lambda record: names[str(record[key])]


_FEW: tuple[tuple[str, SplitName | None], ...] = (
    ("train_few_all.json", None),
    ("dev_few_all.json", "test"),
)
_NEWS = {
    "100": "故事",
    "101": "文化",
    "102": "娱乐",
    "103": "体育",
    "104": "财经",
    "106": "房产",
    "107": "汽车",
    "108": "教育",
    "109": "科技",
    "110": "军事",
    "112": "旅游",
    "113": "国际",
    "114": "股票",
    "115": "农业",
    "116": "电竞",
}
_MOOD = {"Positive": "好评", "Negative": "差评"}
_FOLLOWS = {"entailment": "蕴含", "neutral": "中立", "contradiction": "矛盾"}
_SAME = {"1": "相同", "0": "不同"}
_KEYWORDS = {"1": "是", "0": "否"}
_REFERS = {"true": "是", "false": "否"}

_VIEWS: dict[str, _View] = {
    "eprstmt": _View(
        _FEW,
        (
            "判断这条商品评论的态度，只回答“好评”或“差评”。\n\n评论：{sentence}",
            "{sentence}\n\n写这条评论的顾客满意吗？满意答“好评”，不满意答“差评”。",
        ),
        _of(_MOOD),
        tuple(_MOOD.values()),
    ),
    "tnews": _View(
        _FEW,
        (
            "下面的新闻标题属于哪一类？只回答类别。\n类别：{labels}\n\n标题：{sentence}",
            "{sentence}\n\n请为上面的新闻选一个栏目（{labels}），只写栏目名。",
        ),
        _of(_NEWS),
        tuple(_NEWS.values()),
    ),
    "csldcp": _View(
        (("train_few_all.json", None), ("dev_0.json", "test")),
        (
            "下面的论文摘要属于哪个学科？只回答学科名称。\n\n摘要：{content}",
            "{content}\n\n以上摘要所属的学科是？请只写学科名。",
        ),
        lambda record: str(record["label"]),
        None,
    ),
    "iflytek": _View(
        (("train_0.json", None),),
        (
            "下面的文字介绍一款手机应用，它属于哪一类？只回答类别名称。\n\n介绍：{sentence}",
            "{sentence}\n\n这款应用属于什么类别？请只写类别名。",
        ),
        lambda record: str(record["label_des"]),
        None,
    ),
    "ocnli": _View(
        _FEW,
        (
            "由前一句能否推出后一句？能推出答“蕴含”，相冲突答“矛盾”，都不是答“中立”。\n\n"
            "前一句：{sentence1}\n后一句：{sentence2}",
            "前提：{sentence1}\n假设：{sentence2}\n前提和假设是什么关系？从{labels}中选一个。",
        ),
        _of(_FOLLOWS),
        tuple(_FOLLOWS.values()),
    ),
    "bustm": _View(
        _FEW,
        (
            "这两句话的意思相同吗？只回答“相同”或“不同”。\n\n第一句：{sentence1}\n第二句：{sentence2}",
            "“{sentence1}”和“{sentence2}”说的是一回事吗？是答“相同”，不是答“不同”。",
        ),
        _of(_SAME),
        tuple(_SAME.values()),
    ),
    "csl": _View(
        _FEW,
        (
            "这些关键词全都是这篇摘要的关键词吗？只回答“是”或“否”。\n\n"
            "摘要：{abst}\n关键词：{keywords}",
            "{abst}\n\n有人给上文标注了关键词：{keywords}。全部正确吗？只答“是”或“否”。",
        ),
        _of(_KEYWORDS),
        tuple(_KEYWORDS.values()),
        lambda record: {**record, "keywords": "、".join(record["keyword"])},
    ),
    "cluewsc": _View(
        _FEW,
        (
            "{text}\n\n上文中的“{pronoun}”指的是“{noun}”吗？只回答“是”或“否”。",
            "阅读：{text}\n问：“{pronoun}”是不是指“{noun}”？只答“是”或“否”。",
        ),
        _of(_REFERS),
        tuple(_REFERS.values()),
        lambda record: {
            **record,
            "pronoun": record["target"]["span2_text"],
            "noun": record["target"]["span1_text"],
        },
    ),
}


def _reader(name: str, view: _View) -> Reader:
    def read(find: Find, number: int) -> Iterator[Row]:
        template = wording({"zh": view.templates}, "zh", number, f"fewclue {name}")
        for file, split, line, record in _records(find, name, view.files):
            shown = f"fewclue/{name}/{file}, line {line}"
            try:
                label = view.label(record)
                fields = {**view.fields(record), "labels": "、".join(view.labels or ())}
                question = template.format(**fields)
            except (KeyError, TypeError) as error:
                raise LeitaiError(
                    f"a field is missing or unknown: {error}", where=shown, remedy="repair the line"
                ) from error
            yield asked(
                f"{file.split('_')[0]}-{line}",
                question,
                label,
                source=shown,
                language="zh",
                split=split,
                label=label,
            )

    return read


def _records(
    find: Find, name: str, files: Sequence[tuple[str, SplitName | None]]
) -> Iterator[tuple[str, SplitName | None, int, Record]]:
    for file, split in files:
        for line, record in read_jsonl(find(f"{name}/{file}")):
            yield file, split, line, record


def _idioms(find: Find, number: int) -> Iterator[Row]:
    """ChID: which of seven idioms fills the gap."""
    for file, split, line, record in _records(find, "chid", _FEW):
        gap = record["content"].replace("#idiom#", "____")
        yield choice_question(
            f"{file.split('_')[0]}-{line}",
            f"{gap}\n\n哪个成语最适合填在横线上？",
            record["candidates"],
            record["answer"],
            language="zh",
            number=number,
            source=f"fewclue/chid/{file}, line {line}",
            split=split,
        )


FEWCLUE = PublicSet(
    name="fewclue",
    title="few-shot classification, inference, similarity and cloze in Chinese; research use",
    licence="none stated",
    repository="CLUEbenchmark/FewCLUE",
    commit="62a02c6f31cf",
    files=(),
    language="zh",
    views={name: _reader(name, view) for name, view in _VIEWS.items()} | {"chid": _idioms},
    split=Split(validation=0.2, test=0.2),
)
