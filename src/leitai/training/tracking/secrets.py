"""Keep secrets out of what leaves the machine."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"
_NAMES = re.compile(
    r"(^|[_.-])(api_?key|access_?key|secret|token|password|passwd|credentials?|auth)($|[_.-])", re.I
)
_VALUES = re.compile(
    r"\b(hf_\w{16,}|sk-[\w-]{16,}|gh[pousr]_\w{16,}|AKIA[0-9A-Z]{12,}|eyJ[\w-]{10,}\.[\w-]{10,})"
)
_LOGIN = re.compile(r"(\w+://)[^/@\s]+@")


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a copy of settings in which keys, tokens and passwords are hidden.

    A text is hidden by its name (``api_key``) or where it looks like a key; an address loses its
    user and password.
    """
    if isinstance(value, Mapping):
        return {str(key): without_secrets(part, str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(part, name) for part in value]
    if isinstance(value, str):
        if _NAMES.search(name):
            return HIDDEN
        return _VALUES.sub(HIDDEN, _LOGIN.sub(rf"\1{HIDDEN}@", value))
    return value
