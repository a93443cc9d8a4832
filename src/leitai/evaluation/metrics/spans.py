"""Exact match and F1 of short answers, as the official scripts of the sets compute them."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Literal

Scoring = Literal["squad", "cmrc2018", "characters"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_HAN = re.compile(r"[\u4e00-\u9fa5]")
# CMRC 2018 drops exactly these; "……" of its list is two characters and so never matches one.
_CMRC_DROPPED = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
# a word may hold points and commas inside, and ends with one before a space: "3,000", "w. mellon"
_SIGN = r"!-/:-@\[-`{-~"
_WORD = re.compile(rf"[^\s{_SIGN}](?:[.,]?[^\s{_SIGN}])*(?:\.(?=\s))?|[{_SIGN}]")


def squad_words(text: str) -> list[str]:
    """Normalise as SQuAD does (Rajpurkar et al., 2016): case, ASCII punctuation, articles."""
    kept = "".join(char for char in text.lower() if char not in string.punctuation)
    return _ARTICLES.sub(" ", kept).split()


def cmrc_segments(text: str) -> list[str]:
    """Segment as CMRC 2018 does (Cui et al., 2019): Chinese by characters, the rest by words.

    The official script leaves runs without Chinese to NLTK; here numbers, words and signs are
    parted by one rule: of the 7,500 answers in its trial and dev parts, 23 come out differently.
    """
    segments: list[str] = []
    run = ""
    for char in text.lower().strip():
        if char in _CMRC_DROPPED:
            continue
        if _HAN.match(char):
            segments += [*_WORD.findall(run), char]
            run = ""
        else:
            run += char
    return segments + _WORD.findall(run)


def mixed_segments(text: str) -> list[str]:
    """Segment as MLQA does for Chinese (Lewis et al., 2020): characters, other scripts by spaces.

    All punctuation of Unicode is dropped.
    """
    kept = "".join(
        f" {char} " if _HAN.match(char) else char
        for char in text.lower()
        if not (unicodedata.category(char).startswith("P") or char in string.punctuation)
    )
    return kept.split()


def _shared_bag(a: Sequence[str], b: Sequence[str]) -> int:
    return (Counter(a) & Counter(b)).total()


def _shared_run(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest run of segments that both have."""
    longest = 0
    before = [0] * (len(b) + 1)
    for left in a:
        row = [0]
        for place, right in enumerate(b):
            row.append(before[place] + 1 if left == right else 0)
        longest = max(longest, *row)
        before = row
    return longest


def _squad_whole(text: str) -> str:
    return " ".join(squad_words(text))


def _cmrc_whole(text: str) -> str:
    return "".join(char for char in text.lower().strip() if char not in _CMRC_DROPPED)


def _mixed_whole(text: str) -> str:
    return " ".join(mixed_segments(text))


_Parts = Callable[[str], list[str]]
_Shared = Callable[[Sequence[str], Sequence[str]], int]
_WAYS: MappingProxyType[str, tuple[Callable[[str], str], _Parts, _Shared]] = MappingProxyType(
    {
        "squad": (_squad_whole, squad_words, _shared_bag),
        "cmrc2018": (_cmrc_whole, cmrc_segments, _shared_run),
        "characters": (_mixed_whole, mixed_segments, _shared_bag),
    }
)


def span_scores(written: str, accepted: Sequence[str], scoring: Scoring) -> tuple[float, float]:
    """Return exact match and F1 of an answer, each the best over all accepted answers.

    Args:
        written: the answer.
        accepted: at least one.
        scoring: "squad" compares bags of words; "characters" (MLQA's way for Chinese) bags of
            characters; "cmrc2018" the longest run of characters that both share.
    """
    whole, parts, shared = _WAYS[scoring]
    exact = max(float(whole(written) == whole(answer)) for answer in accepted)
    return exact, max(_f1(parts(written), parts(answer), shared) for answer in accepted)


def _f1(written: list[str], answer: list[str], shared: _Shared) -> float:
    if not written or not answer:
        # SQuAD 2.0: nothing against nothing is right
        return float(written == answer)
    common = shared(answer, written)
    if common == 0:
        return 0.0
    precision, recall = common / len(written), common / len(answer)
    return 2 * precision * recall / (precision + recall)
