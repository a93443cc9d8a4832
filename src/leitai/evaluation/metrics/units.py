"""Texts in units that no tokenizer decides: Chinese characters and words of other scripts."""

import re

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_UNIT = re.compile(rf"[{HAN}]|[^\W_{HAN}]+(?:['’][^\W_{HAN}]+)*")
_HAN = re.compile(rf"[{HAN}]")


def units(text: str) -> list[str]:
    """Return Chinese characters one by one and other words whole, case folded, without signs."""
    return [unit.casefold() for unit in _UNIT.findall(text)]


def han_share(text: str) -> float:
    """Return the share of Chinese characters among a text's units; 0 for a text without any."""
    found = units(text)
    return sum(bool(_HAN.match(unit)) for unit in found) / len(found) if found else 0.0
