"""YAML read strictly, with the line of each key.

The scalars follow YAML 1.2's core schema (yaml.org/spec/1.2.2, section 10.3.2), not 1.1 as PyYAML
does by default: ``no`` and ``on`` are words, ``2024-07-26`` is text, ``1e-3`` is a number.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from leitai.base.errors import LeitaiError

NODE_LIMIT = 50_000  # counted after aliases are expanded, so that nested aliases cannot explode

KeyPath = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


def _construct_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


@dataclass(frozen=True)
class YamlText:
    """A parsed document and where each key stands (lines count from 1)."""

    data: Any
    lines: dict[KeyPath, int]


def _survey(node: yaml.Node, name: str) -> dict[KeyPath, int]:
    """Find each key's line; refuse repeated keys, endless aliases and aliases that explode."""
    lines: dict[KeyPath, int] = {}

    def visit(node: yaml.Node, path: KeyPath, parents: tuple[int, ...]) -> None:
        where = f"{name}, line {node.start_mark.line + 1}"
        if id(node) in parents or len(lines) > NODE_LIMIT:
            raise LeitaiError("aliases that never end", where=where, remedy="write the values out")
        parents = (*parents, id(node))
        lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                visit(item, (*path, index), parents)
        elif isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode):
                    raise LeitaiError("a key must be a plain word", where=f"{name}, line {line}")
                if key.value in seen:
                    raise LeitaiError(
                        f"the key '{key.value}' is given twice (first on line {seen[key.value]})",
                        where=f"{name}, line {line}",
                        remedy="remove one of them",
                    )
                seen[key.value] = line
                lines[(*path, key.value)] = line
                visit(value, (*path, key.value), parents)

    visit(node, (), ())
    return lines


def parse_yaml(text: str, name: str) -> YamlText:
    """Parse one document; `name` is what an error calls the text.

    Raises:
        LeitaiError: not YAML, a repeated key, a tag that makes objects, or aliases without end.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return YamlText(None, {})
        lines = _survey(node, name)
        return YamlText(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise LeitaiError(
            f"not valid YAML ({error.problem})", where=f"{name}, line {line}", remedy="repair it"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise LeitaiError(f"not valid YAML ({error})", where=name, remedy="repair it") from error
    except RecursionError as error:
        raise LeitaiError("nested too deeply", where=name, remedy="flatten it") from error
    finally:
        loader.dispose()
