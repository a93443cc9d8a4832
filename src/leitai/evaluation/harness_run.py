"""Tasks of lm-evaluation-harness on one of our models: found, run, shown and saved."""

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base import LeitaiError
from leitai.base.files import write_json, write_jsonl, write_text

if TYPE_CHECKING:
    from leitai.evaluation.harness import LeitaiLM


@dataclass(frozen=True, slots=True)
class HarnessOptions:
    """What the harness does with the tasks; the names are those of its own command.

    Attributes:
        num_fewshot: examples before each question; None: as each task says.
        limit: the first n items of each task, or below 1 that share of them.
        apply_chat_template: ask in the checkpoint's chat format.
        fewshot_as_multiturn: under a chat format, examples are turns of the dialogue.
        system_instruction: a system message, or a text before every prompt.
        gen_kwargs: settings of writing that go before those of the tasks.
        include_path: a folder with further tasks as YAML.
        seed: of the examples' choice.
    """

    num_fewshot: int | None = None
    limit: float | None = None
    apply_chat_template: bool = False
    fewshot_as_multiturn: bool = True
    system_instruction: str | None = None
    gen_kwargs: Mapping[str, Any] = field(default_factory=dict)
    include_path: Path | None = None
    seed: int = 1234


def require_harness() -> None:
    """Do nothing where lm-evaluation-harness is installed.

    Raises:
        LeitaiError: it is not.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise LeitaiError(
            "lm-evaluation-harness is not installed",
            where="lm-eval",
            remedy="run: pip install 'leitai[lm-eval]'",
        )


def run_harness(
    load: Callable[[], "LeitaiLM"], tasks: Sequence[str], options: HarnessOptions
) -> dict[str, Any]:
    """Run tasks and return the harness's own results.

    The tasks and their data are looked for before the model is loaded.

    Args:
        load: gives the model.
        tasks: names, groups, tags, patterns such as "mmlu_*", or YAML files.
        options: what to do with them.

    Raises:
        LeitaiError: the harness is not installed, a task is unknown, its data cannot be had, or the
            model refuses a request.
    """
    require_harness()
    from lm_eval.evaluator import simple_evaluate

    manager, names = _find(tasks, options.include_path)
    _check_data(manager, names)
    results: dict[str, Any] = simple_evaluate(
        model=load(),
        tasks=names,
        task_manager=manager,
        num_fewshot=options.num_fewshot,
        limit=_limit(options.limit),
        apply_chat_template=options.apply_chat_template,
        fewshot_as_multiturn=options.apply_chat_template and options.fewshot_as_multiturn,
        system_instruction=options.system_instruction,
        gen_kwargs=dict(options.gen_kwargs) or None,
        fewshot_random_seed=options.seed,
    )
    return results


def _limit(limit: float | None) -> float | None:
    if limit is not None and (limit <= 0 or (limit > 1 and limit != int(limit))):
        raise LeitaiError(
            "expected a number of items, or a share below 1",
            where=f"limit = {limit:g}",
            remedy="change it",
        )
    return limit


def _find(tasks: Sequence[str], include_path: Path | None) -> tuple[Any, list[str]]:
    """Return the harness's task manager and the names that the patterns stand for."""
    from lm_eval.tasks import TaskManager

    if not tasks:
        raise LeitaiError("no task is named", where="--tasks", remedy="name one, such as arc_easy")
    if include_path is not None and not include_path.is_dir():
        raise LeitaiError("no such folder", where=include_path, remedy="check --include-path")
    # reading the harness's own 14,000 tasks takes seconds: only where they are needed
    for all_tasks in (True,) if include_path is None else (False, True):
        manager = TaskManager(
            include_path=None if include_path is None else str(include_path),
            include_defaults=all_tasks,
        )
        found = {
            task: [task] if Path(task).is_file() else manager.match_tasks([task]) for task in tasks
        }
        unknown = [task for task, names in found.items() if not names]
        if not unknown:
            return manager, list(dict.fromkeys(name for names in found.values() for name in names))
    near = get_close_matches(unknown[0], manager.all_tasks, 3)
    raise LeitaiError(
        "no task, group or tag of this name",
        where=unknown[0],
        remedy=f"did you mean {', '.join(near)}?"
        if near
        else "see `lm-eval ls tasks`, or give the folder of your own with --include-path",
    )


def _check_data(manager: Any, names: Sequence[str]) -> None:
    for name in names:
        try:
            manager.load([name])
        except LeitaiError:
            raise
        except Exception as error:  # of the data set library, the network or the task's own code
            first = (str(error) or type(error).__name__).strip().splitlines()[0]
            raise LeitaiError(
                f"the task cannot be set up ({type(error).__name__}: {first[:200]})",
                where=name,
                remedy="check its YAML and data; data on a hub needs a network or a filled cache",
            ) from error


def results_table(results: Mapping[str, Any]) -> str:
    """Return the harness's own table, that of its groups below it, as Markdown."""
    from lm_eval.utils import make_table

    table: str = make_table(results)
    if results.get("groups"):
        table += f"\n\n{make_table(results, 'groups')}"
    return table.strip()


def save_results(results: Mapping[str, Any], out: Path) -> None:
    """Write results.json, table.md and samples/TASK.jsonl into a folder, each file atomically.

    Raises:
        LeitaiError: the disk is full or the folder cannot be written.
    """
    from lm_eval.utils import handle_non_serializable

    def plain(value: Any) -> Any:
        return json.loads(json.dumps(value, default=handle_non_serializable))

    rest = {name: value for name, value in results.items() if name != "samples"}
    for task, rows in results.get("samples", {}).items():
        write_jsonl(out / "samples" / f"{task}.jsonl", map(plain, rows))
    write_text(out / "table.md", results_table(results) + "\n")
    write_json(out / "results.json", plain(rest))
