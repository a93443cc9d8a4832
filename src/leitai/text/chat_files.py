"""The files of a checkpoint folder that say how to chat: template and end ids."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leitai.base import LeitaiError
from leitai.base.files import read_text
from leitai.text.loading import read_config
from leitai.text.template import SOURCE_LIMIT


@dataclass(frozen=True, slots=True)
class ChatFiles:
    """What a folder says.

    Attributes:
        templates: Jinja sources by name; empty where there is none.
        where: the file they come from, or the folder.
        end_ids: the end ids of `generation_config.json`.
    """

    templates: dict[str, str]
    where: Path
    end_ids: list[int]


def read_chat_files(folder: Path) -> ChatFiles:
    """Read a folder: chat_template.jinja first, else tokenizer_config.json's "chat_template".

    Raises:
        LeitaiError: a file is damaged or too large.
    """
    config = read_config(folder, "tokenizer_config.json")
    path = folder / "chat_template.jinja"
    if path.is_file():
        templates = {"default": read_text(path, limit=4 * SOURCE_LIMIT)}
    else:
        path = folder / "tokenizer_config.json"
        templates = _named_templates(config.get("chat_template"), path)
    generation = read_config(folder, "generation_config.json")
    return ChatFiles(
        templates,
        path if templates else folder,
        _end_ids(generation.get("eos_token_id"), folder / "generation_config.json"),
    )


def _named_templates(value: Any, where: Path) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, list):
        named = {
            entry["name"]: entry["template"]
            for entry in value
            if isinstance(entry, dict)
            and isinstance(entry.get("name"), str)
            and isinstance(entry.get("template"), str)
        }
        if len(named) == len(value):
            return named
    raise LeitaiError(
        'expected text, or a list of {"name", "template"}, in "chat_template"',
        where=where,
        remedy="repair the file",
    )


def _end_ids(value: Any, where: Path) -> list[int]:
    ids = [] if value is None else value if isinstance(value, list) else [value]
    if not all(type(token_id) is int and token_id >= 0 for token_id in ids):
        raise LeitaiError(
            'expected an id or a list of ids in "eos_token_id"',
            where=where,
            remedy="repair the file",
        )
    return ids
