"""The verb that fine-tunes one model."""

from pathlib import Path
from typing import Annotated

import typer

from leitai.base import ranks as processes
from leitai.cli import show
from leitai.cli.exporting import write_card
from leitai.cli.launching import launch
from leitai.cli.options import DataRoot, Set, SpecFile
from leitai.cli.planned import compare_training


def train(
    spec: SpecFile,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder; else runs/<name>.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint in the run folder.")
    ] = False,
    data_root: DataRoot = None,
    set_: Set = None,
    ranks: Annotated[
        int, typer.Option("--ranks", min=1, help="So many processes on this machine; see torchrun.")
    ] = 1,
) -> None:
    """Fine-tune one model: by an adapter such as LoRA, in full or in part.

    Example:

        leitai train examples/train.yaml --out runs/support --resume

        torchrun --nproc-per-node 8 -m leitai train examples/train.yaml
    """
    if ranks > 1 and processes.world_size() == 1:
        launch(ranks)
        return
    from leitai.evaluation.validation import METRICS, write
    from leitai.training.job import run_train_job

    result = run_train_job(
        spec,
        out,
        resume=resume,
        data_root=data_root,
        overrides=set_ or [],
        metrics=METRICS,
        write=write,
    )
    if processes.rank() > 0:
        return  # the first of several processes tells
    write_card(result)
    compare_training(spec, result, data_root=data_root, overrides=set_ or [])
    show.training(result)
