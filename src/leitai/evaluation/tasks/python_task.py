"""A task that a user wrote in Python, in a file that the spec names."""

import importlib.util
import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, model_validator

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_file
from leitai.data import Row
from leitai.evaluation.measures import MEASURES
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import BaseTask, Summary


class PythonTask(BaseTask):
    """A subclass of `BaseTask` in a file of the user's own; its code runs with all rights.

    Attributes:
        file: the Python file, relative to the spec.
        sha256: of the file; filled in when the spec is read, so that results are not taken for
            those of another version. Where the spec gives it, another file is refused.
        options: fields of the class.
    """

    kind: Literal["python"]
    file: str
    class_: str = Field(alias="class", pattern=r"^[A-Za-z_]\w*$")
    options: dict[str, Any] = Field(default_factory=dict)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="before")
    @classmethod
    def _find(cls, data: Any, info: ValidationInfo) -> Any:
        """Note the file's hash; the folder of the spec comes from `leitai.base.specfile`."""
        if not isinstance(data, dict) or not isinstance(data.get("file"), str):
            return data
        path = Path((info.context or {}).get("folder", ".")) / data["file"]
        if not path.is_file():
            raise ValueError(f"no file {path}; give a path relative to the spec")
        digest = hash_file(path)
        if data.get("sha256") not in (None, digest):
            raise ValueError(f"{data['file']} is not the file with that sha256")
        _PLACES[digest] = path.resolve()
        return {**data, "sha256": digest}

    @cached_property
    def _task(self) -> BaseTask:
        """The user's own task, with this one's name and data.

        Raises:
            LeitaiError: the file cannot be run, or the class is no task.
        """
        made = _load(_PLACES[str(self.sha256)], self.class_)
        own = {"name", "data", "split", "max_items"}
        fields = self.model_dump(include=own, exclude_defaults=True) | self.options
        try:
            task = made.model_validate(fields)
        except ValidationError as error:
            raise LeitaiError(
                f"{self.class_} refuses its fields: {error.errors()[0]['msg']}",
                where=f"task {self.name}, options",
                remedy="check the names and values",
            ) from error
        if task.metric not in MEASURES:
            raise LeitaiError(
                f'unknown metric "{task.metric}"',
                where=f"{self.file}, {self.class_}",
                remedy=f"use one of {', '.join(MEASURES)}",
            )
        return task

    @property
    def metric(self) -> str:
        """The metric of the user's class."""
        return self._task.metric

    @property
    def needs(self) -> frozenset[Ability]:
        """What the user's class needs."""
        return self._task.needs

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Ask and grade as the user's class does.

        Raises:
            LeitaiError: it fails, or returns something else than a record for each item.
        """
        where = f"{self.file}, {self.class_}.assess"
        try:
            found = self._task.assess(items, labels, respondent)
        except LeitaiError:
            raise
        except Exception as error:
            raise LeitaiError(
                f"{type(error).__name__}: {error}", where=where, remedy="repair it"
            ) from error
        if (
            not isinstance(found, list)
            or len(found) != len(items)
            or not all(isinstance(one, ItemRecord) for one in found)
        ):
            raise LeitaiError(
                f"expected a list of {len(items)} records, one an item, in their order",
                where=where,
                remedy="return what leitai.evaluation.tasks.interface.record makes of each",
            )
        return found

    def summaries(self) -> Mapping[str, Summary]:
        """The summaries of the user's class."""
        return self._task.summaries()

    def pick(self, rows: Iterable[Row], seed: int) -> list[Row]:
        """Pick as the user's class does."""
        return self._task.pick(rows, seed)


_PLACES: dict[str, Path] = {}
"""Where a file with a hash was found: a machine's paths stay out of what is written down."""


def _load(path: Path, name: str) -> type[BaseTask]:
    spec = importlib.util.spec_from_file_location(f"leitai_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise LeitaiError("not a Python file", where=path, remedy="name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise LeitaiError(
            f"running it fails: {type(error).__name__}: {error}", where=path, remedy="repair it"
        ) from error
    made = getattr(module, name, None)
    if not inspect.isclass(made) or not issubclass(made, BaseTask) or inspect.isabstract(made):
        raise LeitaiError(
            f"{name} is no complete subclass of leitai.evaluation.BaseTask",
            where=path,
            remedy="define metric, needs and assess",
        )
    return made
