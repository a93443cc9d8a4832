"""Plain text from many files, streamed: what a model is pretrained on."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.data.formats import TEXT_NAMES, guess_column
from leitai.data.labels import find_path
from leitai.data.lines import open_bytes, read_jsonl
from leitai.data.load import load_rows
from leitai.data.rows import Row
from leitai.data.source import DataSource, SplitName

TEXT_LIMIT = 64 << 20
"""The longest document, in bytes."""


@dataclass(frozen=True)
class Documents:
    """The documents of one split, read anew each time they are gone through.

    Sources of another format than text give their dialogues.

    Attributes:
        sources: in this order.
        base_folder: where relative paths start.
        data_root: where public sets lie.
        split: of the documents to yield; those without a split are for training.
    """

    sources: Sequence[DataSource]
    base_folder: Path
    data_root: Path | None
    split: SplitName

    def __iter__(self) -> Iterator[Row]:
        """Yield rows of one message.

        Raises:
            LeitaiError: a file is missing, damaged or of another type; names file and line.
        """
        for source in self.sources:
            rows = (
                read_documents(source, self.base_folder, self.data_root)
                if source.format == "text"
                else load_rows(source, base_folder=self.base_folder, data_root=self.data_root)
            )
            yield from (row for row in rows if (row.split or "train") == self.split)


def read_documents(source: DataSource, base_folder: Path, data_root: Path | None) -> Iterator[Row]:
    """Stream the documents of a source with format text.

    A line of a .jsonl file is a document (`columns.text`, or the usual name of that column); a .txt
    file is one. Both may be packed with gzip. A path may hold ``*``: its files are read in the
    order of their names. `source.split` divides by the documents' content.

    Raises:
        LeitaiError: no file matches, or one is damaged or of another type; names file and line.
    """
    paths = source.path if isinstance(source.path, dict) else {None: source.path or ""}
    for split, pattern in paths.items():
        for path, shown in _files(pattern, base_folder, data_root):
            for number, text in _texts(path, source):
                place = shown if number is None else f"{shown}, line {number}"
                yield Row(
                    id=place,
                    messages=({"role": "document", "content": text},),
                    source=place,
                    split=split or _drawn(source, text),
                )


def _files(pattern: str, base_folder: Path, data_root: Path | None) -> Iterator[tuple[Path, str]]:
    if "*" not in pattern:
        yield find_path(pattern, base_folder, data_root), pattern
        return
    folder = find_path(str(Path(pattern).parent), base_folder, data_root)
    found = sorted(folder.glob(Path(pattern).name))
    if not found:
        raise LeitaiError("no file matches", where=pattern, remedy="check the path")
    for path in found:
        yield path, f"{Path(pattern).parent.as_posix()}/{path.name}"


def _texts(path: Path, source: DataSource) -> Iterator[tuple[int | None, str]]:
    kind = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if kind in ("jsonl", "ndjson"):
        column = source.columns.text
        for number, record in read_jsonl(path):
            where = f"{path}, line {number}"
            if not isinstance(record, dict):
                raise LeitaiError("expected an object", where=where, remedy='write {"text": "..."}')
            column = column or guess_column("text", TEXT_NAMES, record, where)
            text = record.get(column)
            if not isinstance(text, str) or not text.strip():
                raise LeitaiError(
                    f'no text in the field "{column}"', where=where, remedy="remove the line"
                )
            yield number, text
    elif kind == "txt":
        with open_bytes(path) as file:
            raw = file.read(TEXT_LIMIT + 1)
        if len(raw) > TEXT_LIMIT:
            raise LeitaiError(
                f"a document of more than {TEXT_LIMIT >> 20} MiB",
                where=path,
                remedy="split the file, or write one document a line as .jsonl",
            )
        try:
            yield None, raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise LeitaiError(
                f"not UTF-8 (byte {error.start:,})", where=path, remedy="save it as UTF-8"
            ) from error
    else:
        raise LeitaiError(
            f'cannot read files of type "{kind}" as text',
            where=path,
            remedy="use .jsonl or .txt, plain or with .gz",
        )


def _drawn(source: DataSource, text: str) -> SplitName | None:
    if source.split is None:
        return None
    digest = hashlib.sha256(f"{source.split.seed}\0{text}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    for name, fraction in source.split.fractions.items():
        if point < fraction:
            return name
        point -= fraction
    return "train"
