"""The texts of any data, without regard to what they are for: what tokenizers are compared on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from leitai.base.errors import LeitaiError
from leitai.data.catalogue import CATALOGUE
from leitai.data.files import read_records
from leitai.data.labels import find_path
from leitai.data.lines import read_lines
from leitai.data.load import load_rows
from leitai.data.source import DataSource

FIELDS = (
    *("text", "sentence", "utterance", "query", "question", "Question", "content", "context"),
    *("instruction", "input", "output", "answer", "response", "prompt", "completion", "value"),
    *("src", "ref", "title", "paragraphs", "message", "messages", "conversations"),
)
"""Fields of a record that hold text, or lists of texts or of records with text."""

PROSE = (".txt", ".md", ".rst")
CODE = (".py", ".c", ".h", ".cpp", ".rs", ".go", ".java", ".js", ".ts", ".sh", ".sql")
CODE_LANGUAGE = "code"
_TABLES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_ABOUT = ("readme", "license", "licence")  # files of a data folder that are no data
_LONGEST = 4_000  # characters; a longer paragraph is cut at the end of a line


class Text(NamedTuple):
    """A text and, where the data says so, its language: ``zh``, ``en`` or ``code``."""

    text: str
    language: str | None = None


def read_texts(
    name: str, *, data_root: Path | None = None, fields: Sequence[str] = ()
) -> Iterator[Text]:
    """Yield the texts of a set known by name, a file or a folder: questions, answers, paragraphs.

    Args:
        name: "bookshop" or another set of the catalogue; or a file or folder, here or below the
            data root: prose (.txt, .md) and code by paragraph, tables and JSON by field.
        data_root: where public sets lie.
        fields: of the records, instead of the usual ones.

    Raises:
        LeitaiError: there is no such data, it is damaged, or its records have none of the fields.
    """
    # of other sets the texts themselves, without the templates that their tasks ask with
    if name == "bookshop" or (name in CATALOGUE and CATALOGUE[name].tables):
        rows = load_rows(DataSource(set=name), base_folder=Path.cwd(), data_root=data_root)
        # the answers are labels, which are no text
        return (Text(str(row.messages[0]["content"]), row.language) for row in rows)
    path = find_path(name, Path.cwd(), data_root)
    return _texts_of(path, fields or FIELDS)


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        about = path.name.lower().startswith(_ABOUT)
        if path.is_file() and not about and _suffix(path) in (*PROSE, *CODE, *_TABLES):
            yield path


def _texts_of(path: Path, fields: Sequence[str]) -> Iterator[Text]:
    files = sorted(_files(path)) if path.is_dir() else [path]
    found = False
    names: list[str] = []  # the fields of the first record
    for file in files:
        if _suffix(file) in (*PROSE, *CODE):
            language = CODE_LANGUAGE if _suffix(file) in CODE else None
            texts = (Text(paragraph, language) for paragraph in _paragraphs(file))
        else:
            texts = (Text(text) for text in _records(file, fields, names))
        for text in texts:
            found = True
            yield text
    if not found:
        known = ", ".join((*PROSE, *CODE, *_TABLES))
        raise LeitaiError(
            f"no text in the fields {', '.join(names[:12])}" if names else "no file with text",
            where=path,
            remedy="name those with text by --field" if names else f"use {known}",
        )


def _records(path: Path, fields: Sequence[str], names: list[str]) -> Iterator[str]:
    for _, record, _ in read_records(path):
        if not names:
            names += record
        yield from _texts(record, fields)


def _paragraphs(path: Path) -> Iterator[str]:
    paragraph: list[str] = []
    size = 0
    for _, line in read_lines(path):
        paragraph.append(line)
        size += len(line)
        if not line.strip() or size >= _LONGEST:
            yield "".join(paragraph)
            paragraph, size = [], 0
    yield "".join(paragraph)


def _texts(value: Any, fields: Sequence[str]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, fields)
    elif isinstance(value, dict):
        for name in fields:
            yield from _texts(value.get(name), fields)
