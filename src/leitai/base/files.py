"""Files that are either whole or not there: atomic writes, limited reads, content hashes.

Everything Leitai writes goes through this module. A write lands in a temporary neighbour first, is
flushed to the disk and then renamed over the target, so a reader (or a resumed run) never sees half
a file.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from leitai.base.errors import LeitaiError

_CHUNK = 1 << 20


def disk_error(error: OSError, path: Path) -> LeitaiError:
    """Say in one line why a file cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LeitaiError(
            "the disk is full", where=path, remedy="free some space and run the same command again"
        )
    return LeitaiError(
        f"cannot write ({error.strerror or error})",
        where=path,
        remedy="choose another --out folder",
    )


def fsync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` when the block ends without an exception.

    Raises:
        LeitaiError: the disk is full or the folder cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes `path` when the block ends without an exception.

    An existing folder at `path` is replaced. Every file in the new folder is flushed first.

    Raises:
        LeitaiError: the disk is full or the parent cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        yield temporary
        for file in sorted(temporary.rglob("*")):
            if file.is_file():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
        temporary.chmod(0o755)
        if path.exists():
            old = temporary.with_suffix(".old")
            path.replace(old)
            temporary.replace(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as file:
        file.write(text.encode("utf-8"))


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Encode as JSON: keys sorted, Chinese readable, NaN refused; the same value, the same text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically, keys sorted."""
    write_text(path, to_json(value, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, atomically."""
    with atomic_file(path) as file:
        for row in rows:
            file.write(to_json(row).encode("utf-8") + b"\n")


def read_text(path: Path, *, limit: int = 64 << 20) -> str:
    """Read a UTF-8 file of at most `limit` bytes.

    Raises:
        LeitaiError: the file is missing, too large or not UTF-8.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise LeitaiError(
                f"{size:,} bytes, more than the limit of {limit:,}", where=path, remedy="split it"
            )
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise LeitaiError("no such file", where=path, remedy="check the path") from error
    except UnicodeDecodeError as error:
        raise LeitaiError(
            f"not UTF-8 (byte {error.start:,})", where=path, remedy="save it as UTF-8"
        ) from error
    except OSError as error:
        raise LeitaiError(f"cannot read ({error.strerror})", where=path) from error


def read_json(path: Path, *, limit: int = 64 << 20) -> Any:
    """Read a JSON file.

    Raises:
        LeitaiError: the file is missing, too large, not UTF-8 or not JSON; names the line.
    """
    text = read_text(path, limit=limit)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise LeitaiError(
            f"not valid JSON ({_json_fault(error)})",
            where=f"{path}, line {line}",
            remedy="repair the file",
        ) from error


def _json_fault(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long"


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file as hex, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def hash_value(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value as hex."""
    return hashlib.sha256(to_json(value).encode("utf-8")).hexdigest()


def hash_folder(folder: Path) -> str:
    """Return one SHA-256 over the relative names and contents of all files below `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hash_value([[path.relative_to(folder).as_posix(), hash_file(path)] for path in files])
