"""Control tokens typed in a conversation are text: they are out of sight while it is rendered.

The first character of every control token that somebody typed is replaced by a private-use
character before rendering, and put back afterwards, when the template's own control tokens have
been found. Lengths stay the same, no part of a typed token can become whole by slicing or joining,
and a template that looks at what users write sees text there too.

An assistant's turn keeps the control tokens that are not flagged special (``<think>``,
``<tool_call>``): they are how it writes, and the template takes them apart.
"""

import re
from collections.abc import Iterable
from typing import Any

TRUSTED_ROLES = frozenset({"system", "developer", "assistant"})
"""Roles whose texts keep control tokens that are not flagged special."""

_STAND_INS = range(0xF0000, 0xFFFFE)
_STAND_IN = re.compile("[\U000f0000-\U000ffffd]")


class Guard:
    """The names that a tokenizer's conversations are protected from; one for all of them."""

    def __init__(self, special: Iterable[str], control: Iterable[str]) -> None:
        """Prepare the names.

        Args:
            special: names of the tokens that nobody may type.
            control: names of the tokens that only trusted roles may type; `special` among them.
        """
        self.special = _names_pattern(special)
        self.control = _names_pattern(control)
        self.firsts = sorted({name[0] for name in control if not name[0].isspace()})


class Protection:
    """Takes typed control tokens out of one conversation, and back into the rendered text.

    Attributes:
        verbatim: the stand-in characters in use.
    """

    def __init__(self, guard: Guard, texts: Iterable[str]) -> None:
        """Prepare for one conversation.

        Args:
            guard: the names to protect from.
            texts: every text that is rendered, to choose stand-ins that occur in none.
        """
        taken = {char for text in texts for char in _STAND_IN.findall(text)}
        free = (chr(code) for code in _STAND_INS if chr(code) not in taken)
        self._stand_in = {first: next(free) for first in guard.firsts}
        self.verbatim = "".join(self._stand_in.values())
        self._restore = {ord(char): first for first, char in self._stand_in.items()}
        self._guard = guard

    def hide(self, text: str, *, trusted: bool) -> str:
        """Return the text with the first characters of typed control tokens replaced."""
        pattern = self._guard.special if trusted else self._guard.control
        match = pattern.search(text)
        if match is None:
            return text
        chars = list(text)
        while match is not None:
            chars[match.start()] = self._stand_in[text[match.start()]]
            match = pattern.search(text, match.start() + 1)
        return "".join(chars)

    def hide_value(self, value: Any, *, trusted: bool) -> Any:
        """Return a JSON value with `hide` applied to every text in it, keys included."""
        if isinstance(value, str):
            return self.hide(value, trusted=trusted)
        if isinstance(value, dict):
            return {
                self.hide(key, trusted=trusted): self.hide_value(item, trusted=trusted)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.hide_value(item, trusted=trusted) for item in value]
        return value

    def restore(self, text: str) -> str:
        """Return a rendered text with the typed characters back in their places."""
        return text.translate(self._restore) if self._restore else text


def _names_pattern(names: Iterable[str]) -> re.Pattern[str]:
    kept = sorted({name for name in names if not name[0].isspace()})
    return re.compile("|".join(map(re.escape, kept)) if kept else "(?!)")
