"""What is exported: a checkpoint, a checkpoint with its adapter, or what a training run left."""

from dataclasses import dataclass
from pathlib import Path

from leitai.base import LeitaiError
from leitai.base.files import read_json
from leitai.models import resolve_model
from leitai.training.result import RESULT_FILE


@dataclass(frozen=True, slots=True)
class Source:
    """Folders to export from.

    Attributes:
        base: a Hugging Face folder.
        adapter: a folder in PEFT's format to merge into it, if there is one.
        run: the training run that made the adapter, or the base; None where none is known.
    """

    base: Path
    adapter: Path | None
    run: Path | None


def find_source(source: str, adapter: str | None = None) -> Source:
    """Find out what a name means.

    Args:
        source: a checkpoint folder or hub id, or the run folder of `leitai train` (or of a
            contender), which knows its base and adapter.
        adapter: a folder with a PEFT adapter for the checkpoint.

    Raises:
        LeitaiError: there is no such folder, or a run folder is not whole.
    """
    folder = Path(source)
    if (folder / RESULT_FILE).is_file():
        if adapter is not None:
            raise LeitaiError(
                "a run folder brings its own adapter",
                where=folder,
                remedy="leave out --adapter, or name the checkpoint instead of the run",
            )
        return _from_run(folder)
    base = resolve_model(source)
    tuned = None if adapter is None else Path(adapter)
    return Source(base, tuned, _run_of(tuned if tuned is not None else base))


def _from_run(run: Path) -> Source:
    output = run / _output(run)
    if output.name != "adapter":
        return Source(resolve_model(str(output)), None, run)
    config = read_json(output / "adapter_config.json")
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not isinstance(base, str):
        raise LeitaiError(
            "the adapter does not name its base",
            where=output,
            remedy="give the base as SOURCE and this folder as --adapter",
        )
    return Source(resolve_model(base), output, run)


def _run_of(folder: Path) -> Path | None:
    """Return the run that made a folder, if it lies in one."""
    run = folder.resolve().parent
    return run if (run / RESULT_FILE).is_file() and _output(run) == folder.name else None


def _output(run: Path) -> str:
    content = read_json(run / RESULT_FILE)
    result = content.get("result") if isinstance(content, dict) else None
    output = result.get("output") if isinstance(result, dict) else None
    if output not in ("model", "adapter"):
        raise LeitaiError(
            'expected "result" with an "output"',
            where=run / RESULT_FILE,
            remedy="finish the run with `leitai train --resume`",
        )
    return str(output)
