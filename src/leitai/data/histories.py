"""What readers bought or rated, put as a question: which one comes next?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from leitai.base.files import hash_value
from leitai.data.rows import Row
from leitai.data.source import SplitName
from leitai.data.wordings import Templates, asked, wording

Medium = Literal["book", "film"]

SHOWN = 20
"""How many of the last titles of a history a prompt shows."""

SHORTEST = 5
"""Histories with fewer items say nothing and are left out."""

NEXT: dict[Medium, Templates] = {
    "book": {
        "zh": (
            "一位读者依次买了这些书：\n{history}\n\n他接下来最可能买哪一本？只写书名。",
            "购书记录（从早到晚）：\n{history}\n\n请推荐下一本书，只写书名，不要解释。",
            "有位顾客先后读过：\n{history}\n\n你会给他推荐哪本书？请只回答一个书名。",
        ),
        "en": (
            "A reader bought these books, one after the other:\n{history}\n\nWhich book will they "
            "most likely buy next? Write only the title.",
            "Purchases, oldest first:\n{history}\n\nRecommend the next book. Give the title and "
            "nothing else.",
            "A customer has read, in this order:\n{history}\n\nWhich book would you recommend to "
            "them? Answer with one title only.",
        ),
    },
    "film": {
        "zh": (
            "一位观众依次喜欢过这些电影：\n{history}\n\n他接下来最可能喜欢哪一部？只写片名。",
            "观影记录（从早到晚）：\n{history}\n\n请推荐下一部电影，只写片名，不要解释。",
        ),
        "en": (
            "A viewer liked these films, one after the other:\n{history}\n\nWhich film will they "
            "most likely enjoy next? Write only the title.",
            "Films liked, oldest first:\n{history}\n\nRecommend the next film. Give the title and "
            "nothing else.",
        ),
    },
}
LISTED: Templates = {
    "zh": (
        "一位读者依次买了这些书：\n{history}\n\n从下面的书里选一本推荐给他，只写书名：\n{candidates}",
        "可选的书：\n{candidates}\n\n顾客买过：\n{history}\n\n请从可选的书里挑一本最适合他的，只写书名。",
    ),
    "en": (
        "A reader bought these books, one after the other:\n{history}\n\nChoose one of the books "
        "below to recommend to them and write only its title:\n{candidates}",
        "On offer:\n{candidates}\n\nThe customer has bought:\n{history}\n\nPick the one book on "
        "offer that suits them best. Write only its title.",
    ),
}
EXPLAINED: Templates = {
    "zh": (
        "一位读者依次买了这些书：\n{history}\n\n请推荐下一本书。第一行只写书名；第二行写一句理由，"
        "理由里要提到他买过的一本书的书名。",
        "购书记录：\n{history}\n\n推荐一本书：第一行写书名，第二行写为什么，并点明是因为他买过哪一本。",
    ),
    "en": (
        "A reader bought these books, one after the other:\n{history}\n\nRecommend the next book. "
        "Write only its title on the first line, and on the second one sentence that says why and "
        "names one of the books they bought.",
        "Purchases:\n{history}\n\nRecommend a book: the title on the first line, then on the "
        "second why, naming the purchase that made you think of it.",
    ),
}


def listed(titles: Sequence[str]) -> str:
    """Return titles as prompts list them, one a line."""
    return "\n".join(f"- {title}" for title in titles)


def leave_last_out(items: Sequence[str]) -> Iterator[tuple[SplitName, Sequence[str], str]]:
    """Part a history: its last item tests, the one before validates, the rest trains.

    Args:
        items: a reader's titles in order, at least `SHORTEST`.

    Yields:
        Split, the titles before (at most `SHOWN`), and the title that comes next.
    """
    for split, place in (("train", -3), ("validation", -2), ("test", -1)):
        yield split, items[:place][-SHOWN:], items[place]  # type: ignore[misc]


def next_item(
    reader: str,
    items: Sequence[str],
    *,
    medium: Medium,
    language: str,
    number: int,
    source: str,
    catalogue: Sequence[str] | None = None,
) -> Iterator[Row]:
    """Yield a reader's rows: what comes next after the titles before.

    Their label is the title where the set's labels are its catalogue; else ``candidates`` among the
    facts is. ``history`` is among the facts too.

    Args:
        reader: who; with the split it is the rows' group.
        items: titles in order.
        medium: what they are titles of.
        language: of question and titles.
        number: of the template.
        source: where the history stands.
        catalogue: all titles; None: the set's labels.

    Raises:
        LeitaiError: there is no such template.
    """
    template = wording(NEXT[medium], language, number, "recommendation")
    for split, before, target in leave_last_out(items):
        facts: dict[str, Sequence[str]] = {"history": list(before)}
        if catalogue is not None:
            facts["candidates"] = catalogue
        yield asked(
            f"{reader}-{split}-{language}",
            template.format(history=listed(before)),
            target,
            source=source,
            language=language,
            group=f"{reader}-{split}",
            split=split,
            label=target if catalogue is None else None,
            facts=facts,
        )


def drawn(items: Sequence[str], count: int, *key: str) -> list[str]:
    """Draw `count` different items, in an order that depends on their names and the key alone."""
    return sorted(items, key=lambda item: hash_value([*key, item]))[:count]


def unique_titles(books: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return a title for every id; what a title alone leaves open, its maker or the id settles.

    Args:
        books: by id, (title, author or year).
    """
    taken: dict[str, str] = {}
    result = {}
    for identity, (title, maker) in books.items():
        name = next(
            name
            for name in (title, f"{title} ({maker})", f"{title} ({maker}; {identity})")
            if name not in taken
        )
        taken[name] = result[identity] = name
    return result
