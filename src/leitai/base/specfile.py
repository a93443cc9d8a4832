"""Specs: a YAML file into a pydantic model. A mistake names line, key and the nearest key."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leitai.base.errors import LeitaiError
from leitai.base.files import read_text
from leitai.base.yamltext import KeyPath, YamlText, parse_yaml

SIZE_LIMIT = 1 << 20  # bytes; a spec is written by hand

SpecT = TypeVar("SpecT", bound=BaseModel)


def _unshared(value: Any) -> Any:
    """Copy the data so that what YAML aliases share can be changed in one place alone."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _override(data: Any, setting: str) -> KeyPath:
    """Put one ``key.path=value`` into `data`; return the path of the key."""
    where = f"--set {setting}"
    key, equals, text = setting.partition("=")
    words = key.split(".")
    if not equals or not all(words):
        raise LeitaiError("expected key.path=value", where=where, remedy="write --set a.b=1")
    path: list[str | int] = []
    for depth, word in enumerate(words):
        if isinstance(data, list):
            if not word.isdecimal() or int(word) >= len(data):
                raise LeitaiError(
                    f"'{word}' is no index of this list of {len(data)}",
                    where=where,
                    remedy="use a number from 0",
                )
            path.append(int(word))
        else:
            path.append(word)
        if depth == len(words) - 1:
            data[path[-1]] = parse_yaml(text, where).data
        elif isinstance(data, dict) and not isinstance(data.get(word), dict | list):
            data[word] = {}
        data = data[path[-1]]
        if depth < len(words) - 1 and not isinstance(data, dict | list):
            raise LeitaiError(f"'{word}' holds no keys", where=where, remedy="check the path")
    return tuple(path)


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that `word` was most likely meant to be, if one is close."""
    matches = get_close_matches(word, known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the alternatives of a type: the members of a union, without Annotated and Optional."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _tags(model: type[BaseModel]) -> set[str]:
    """The names by which pydantic's error paths may call a member of a union."""
    tags = {model.__name__}
    for field in model.model_fields.values():
        if get_origin(field.annotation) is Literal:
            tags.update(str(value) for value in get_args(field.annotation))
    return tags


def _keys_at(model: type[BaseModel], loc: KeyPath) -> list[str]:
    """List the keys that the mapping at pydantic's error path `loc` may hold."""
    current: list[Any] = [model]
    for step in loc:
        models = [m for m in current if isinstance(m, type) and issubclass(m, BaseModel)]
        fields = [m.model_fields[step] for m in models if step in m.model_fields]
        tagged = [m for m in models if step in _tags(m)]
        inner = [
            get_args(m)[-1 if get_origin(m) is dict else 0]
            for m in current
            if get_origin(m) in (list, tuple, dict, Sequence)
        ]
        if fields:
            current = [member for field in fields for member in _members(field.annotation)]
        elif tagged:
            current = tagged
        else:
            current = [member for annotation in inner for member in _members(annotation)]
    return sorted(
        {
            field.alias or name
            for m in current
            if isinstance(m, type) and issubclass(m, BaseModel)
            for name, field in m.model_fields.items()
        }
    )


def _found(loc: KeyPath, data: Any) -> KeyPath:
    """Keep the steps of pydantic's error path that exist in the data: it names unions' tags too."""
    path: list[str | int] = []
    for step in loc:
        keys = range(len(data)) if isinstance(data, list) else data
        if isinstance(keys, dict | range) and step in keys:
            data = data[step]
            path.append(step)
    return tuple(path)


def _place(path: KeyPath, source: YamlText, name: str, settings: dict[KeyPath, str]) -> str:
    """Say where a key was given: in a ``--set`` or on a line of the file."""
    for prefix, setting in settings.items():
        if path[: len(prefix)] == prefix:
            return f"--set {setting}"
    for length in range(len(path), -1, -1):
        if path[:length] in source.lines:
            return f"{name}, line {source.lines[path[:length]]}"
    return name


def _unknown_key(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None]:
    keys = _keys_at(model, error["loc"][:-1])
    guess = nearest(str(error["loc"][-1]), keys)
    return "unknown key", (
        f"did you mean '{guess}'?" if guess else f"known keys: {', '.join(keys)}"
    )


def _missing_key(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None]:
    return "this key is missing", "add it"


def _missing_tag(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None]:
    field = str(error.get("ctx", {}).get("discriminator", "")).strip("'")
    return f"the key '{field}' is missing here", f"add '{field}:' to say which kind it is"


def _wrong_choice(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None]:
    context = error.get("ctx", {})
    choices = re.findall(r"'([^']*)'", str(context.get("expected", context.get("expected_tags"))))
    given = str(context.get("tag", error["input"]))
    guess = nearest(given, choices)
    return (
        f"expected one of {', '.join(choices)}, found '{given}'",
        f"did you mean '{guess}'?" if guess else None,
    )


def _wrong_value(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None]:
    what = error["msg"].removeprefix("Value error, ")
    if error["type"] != "value_error" and not isinstance(error["input"], dict | list):
        what = f"{what[:1].lower()}{what[1:]}, found {error['input']!r}"
    return what, None


_EXPLANATIONS = {
    "extra_forbidden": _unknown_key,
    "missing": _missing_key,
    "union_tag_not_found": _missing_tag,
    "union_tag_invalid": _wrong_choice,
    "literal_error": _wrong_choice,
}


def _explain(
    error: ValidationError,
    model: type[BaseModel],
    source: YamlText,
    name: str,
    settings: dict[KeyPath, str],
) -> LeitaiError:
    """Turn pydantic's first complaint into one line."""
    # a default that is made from a key with a mistake fails along with it
    details = [
        detail
        for detail in error.errors(include_url=False)
        if detail["type"] != "default_factory_not_called"
    ]
    first = details[0]
    what, remedy = _EXPLANATIONS.get(first["type"], _wrong_value)(first, model)
    if len(details) > 1:
        what = f"{what} (and {len(details) - 1} more to repair)"
    path = _found(first["loc"], source.data)
    if first["type"] == "missing":
        path = (*path, first["loc"][-1])
    where = _place(path, source, name, settings)
    if path:
        where = f"{where}, key '{'.'.join(map(str, path))}'"
    return LeitaiError(what, where=where, remedy=remedy)


def load_spec(path: Path, model_class: type[SpecT], overrides: Sequence[str] = ()) -> SpecT:
    """Read a YAML file into a pydantic model.

    Args:
        path: the file; at most 1 MiB.
        model_class: the model, which should forbid extra keys.
        overrides: ``key.path=value`` settings put over the file's, in order; values are YAML, an
            item of a list is named by its index (``contenders.0.model=...``).

    Raises:
        LeitaiError: the file cannot be read, is no YAML, repeats a key, or does not fit the model;
            names the file and line (or the setting), the key, what was expected, the nearest key.
    """
    source = parse_yaml(read_text(path, limit=SIZE_LIMIT), str(path))
    if not isinstance(source.data, dict):
        raise LeitaiError(
            "expected keys and values, such as 'name: first'", where=path, remedy="see the examples"
        )
    source = YamlText(_unshared(source.data), source.lines)
    settings = {_override(source.data, setting): setting for setting in overrides}
    try:
        return model_class.model_validate(source.data, context={"folder": path.parent})
    except ValidationError as error:
        raise _explain(error, model_class, source, str(path), settings) from error
