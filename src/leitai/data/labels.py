"""Which labels a data set may hold, and in which order."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.base.files import read_json
from leitai.data import bookshop
from leitai.data.catalogue import public_set
from leitai.data.dialogue import nearest
from leitai.data.public import find_file, resolve_data_root
from leitai.data.rows import Row
from leitai.data.source import DataSource


def find_path(name: str, base_folder: Path, data_root: Path | None) -> Path:
    """Return a path of a spec: relative to the spec's folder, else below the data root.

    Raises:
        LeitaiError: it is in neither.
    """
    beside = base_folder / Path(name).expanduser()
    below = resolve_data_root(data_root) / name
    for path in (beside, below):
        if path.exists():
            return path
    raise LeitaiError(
        f"no such file (nor {below})",
        where=beside,
        remedy="give a path relative to the spec's folder, or to --data-root",
    )


def declared_labels(
    source: DataSource, base_folder: Path, data_root: Path | None
) -> tuple[str, ...] | None:
    """Return the labels that the source or its set lists, in that order; None when nothing does.

    Raises:
        LeitaiError: the list is missing, no JSON list of texts, too short, or names one twice.
    """
    if isinstance(source.labels, tuple):
        labels, where = source.labels, f"{source.name}, labels"
    elif isinstance(source.labels, str):
        path = find_path(source.labels, base_folder, data_root)
        labels, where = _label_file(path), str(path)
    elif source.set == "bookshop":
        return tuple(i.id for i in bookshop.intents()) if source.view in (None, "intents") else None
    elif source.set is not None and (entry := public_set(source.set)).labels is not None:
        path = find_file(entry, entry.labels, data_root)
        labels, where = _label_file(path), str(path)
    else:
        return None
    twice = next((label for label, n in Counter(labels).items() if n > 1), None)
    if twice is not None:
        raise LeitaiError(f'the label "{twice}" stands twice', where=where, remedy="list it once")
    if len(labels) < 2:
        raise LeitaiError("fewer than two labels", where=where, remedy="list all labels")
    return labels


def _label_file(path: Path) -> tuple[str, ...]:
    values = read_json(path)
    if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
        raise LeitaiError("expected a JSON list of labels", where=path, remedy='["a", "b"]')
    return tuple(values)


def check_labels(
    source: DataSource, rows: Sequence[Row], base_folder: Path, data_root: Path | None
) -> None:
    """Check every row against the list of labels, if there is one.

    Raises:
        LeitaiError: a row has no label or one outside the list; names its line and the nearest.
    """
    declared = declared_labels(source, base_folder, data_root)
    if declared is None:
        return
    allowed = set(declared)
    for row in rows:
        if row.label not in allowed:
            what = (
                "a row without a label"
                if row.label is None
                else f'the label "{row.label}" is not in the list{nearest(row.label, declared)}'
            )
            raise LeitaiError(
                what, where=row.source, remedy=f"use one of the {len(declared)} labels, or add it"
            )
