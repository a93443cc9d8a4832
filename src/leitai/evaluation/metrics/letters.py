"""The letter that a written answer to a multiple-choice question chooses."""

import re
import unicodedata
from collections.abc import Sequence

from leitai.evaluation.grading import normalise

LETTERS = "ABCDEFGHIJ"


def find_choice(written: str, choices: Sequence[str]) -> int | None:
    r"""Find which choice an answer takes.

    In this order: the whole answer is a letter; the last ``\boxed{B}``; the letter after the last
    "答案是", "选", "answer is" or the like; a letter that begins the answer ("B. because ...");
    the one letter that stands alone in the text; the one choice whose words are the answer.
    Full-width and bracketed letters count; the article "a" and the pronoun "I" do not.

    Returns:
        The choice's index, or None where none or several are named.
    """
    text = unicodedata.normalize("NFKC", written).strip().replace("**", "")
    letters = LETTERS[: len(choices)]
    one = rf"[(\[【「“\"']?\s*([{letters}{letters.lower()}])\s*[)\]】」”\"']?"
    if match := re.fullmatch(rf"{one}\s*[.。、:]?", text):
        return letters.index(match[1].upper())
    upper = rf"[(\[【「“\"']?\s*([{letters}])(?![A-Za-z])"
    for pattern in (
        r"\\boxed\s*\{\s*(?:\\text\s*\{)?\s*" + rf"\(?([{letters}])(?![A-Za-z])",
        rf"(?:答案|正确选项|选项|应选|故选|选择|选)\s*(?:应该)?\s*(?:是|为)?\s*[:：]?\s*{upper}",
        rf"(?i:answer|choice|option)\s*(?:(?i:is|would be)|:)?\s*:?\s*(?i:option\s*)?{upper}",
    ):
        if found := list(re.finditer(pattern, text)):
            several = re.match(
                rf"\s*(?:[、,和与及或]|and|or)\s*[{letters}]\b", text[found[-1].end() :]
            )
            return None if several else letters.index(found[-1][1])
    if match := re.match(rf"[(\[【]?([{letters}])(?:[)\]】.。、:,，]|\s*\n)", text):
        return letters.index(match[1])
    alone = set(re.findall(rf"(?<![A-Za-z])([{letters}])(?![A-Za-z'’])", text))
    alone -= {"A"} if re.search(r"\bA (?!or\b|and\b|is\b)[a-z]", text) else set()
    alone -= {"I"}
    if len(alone) == 1:
        return letters.index(alone.pop())
    return _by_words(text, choices) if not alone else None


def _by_words(text: str, choices: Sequence[str]) -> int | None:
    whole = normalise(text)
    same = [index for index, choice in enumerate(choices) if normalise(choice) == whole]
    return same[0] if len(same) == 1 else None
