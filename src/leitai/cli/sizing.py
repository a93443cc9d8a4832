"""The verb that lists what models need."""

import json as writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leitai.base.files import write_text
from leitai.cli import show
from leitai.cli.options import Dtype
from leitai.cli.sheet import Sheet

if TYPE_CHECKING:
    from leitai.planning.resources import Resources, Workload


def resources(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Names, hub ids or folders; else all known."),
    ] = None,
    context: Annotated[int, typer.Option("--context", min=1, help="Tokens a sequence.")] = 4096,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Sequences at once.")] = 1,
    dtype: Dtype = "bfloat16",
    rank: Annotated[int, typer.Option("--rank", min=1, help="Of LoRA, in all layers.")] = 16,
    checkpointing: Annotated[
        bool,
        typer.Option(
            "--checkpointing/--no-checkpointing", help="Training computes activations again."
        ),
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the table there, too.")
    ] = None,
) -> None:
    """List what models need: parameters, operations and memory of every published size.

    Counted in closed form, nothing is fetched. GB are 10^9 bytes; what a program needs beside the
    model, such as 0.5 GB for CUDA, is left out. `leitai plan` forecasts a task on your machine.

    Examples:

        leitai resources

        leitai resources Qwen3-8B Llama-3.1-8B --context 32768 --batch 8

        leitai resources ./my-model --dtype int4 --json
    """
    from leitai.models import PRESETS
    from leitai.planning.mixtures import MIXTURES
    from leitai.planning.resources import Workload

    load = Workload(context, batch, dtype, rank, checkpointing)
    found = [_count(name, load) for name in names or [*PRESETS, *MIXTURES]]
    if json:
        show.line(writer.dumps([one.to_dict() for one in found], ensure_ascii=False, indent=1))
    sheet = _sheet(found, load)
    if not json:
        show.sheet(sheet)
    if markdown is not None:
        write_text(markdown, sheet.markdown())


def _count(name: str, load: "Workload") -> "Resources":
    from leitai.planning import find_shape
    from leitai.planning.resources import resources as count
    from leitai.planning.resources import resources_of_mixture
    from leitai.planning.shapes import find_mixture

    mixture = find_mixture(name)
    if mixture is not None and not Path(name).is_dir():
        return resources_of_mixture(name.rsplit("/", 1)[-1], mixture, load)
    shape = find_shape(name)
    return count(shape.name, shape.config, load)


def _sheet(found: list["Resources"], load: "Workload") -> Sheet:
    at = f"{load.batch} x {load.context:,}"
    headings = ["model", "parameters", "used by a token", "non-embedding", "longest context"]
    headings += ["forward GFLOP/token", "full training GFLOP/token", "LoRA GFLOP/token"]
    headings += ["KV cache KiB/token", f"weights GB, {load.dtype}", f"serve GB, {at}"]
    headings += [f"train full GB, {at}", f"train LoRA r {load.rank} GB, {at}"]
    return Sheet(
        headings,
        [
            (
                one.name,
                f"{one.parameters:,}",
                "all" if one.used == one.parameters else f"{one.used:,}",
                f"{one.non_embedding:,}",
                f"{one.longest:,}",
                *(f"{f / 1e9:.2f}" for f in (one.forward_flops, one.training_flops)),
                "-" if one.lora_flops is None else f"{one.lora_flops / 1e9:.2f}",
                f"{one.cache_bytes / 1024:g}",
                *(
                    "-" if size is None else f"{size / 1e9:.1f}"
                    for size in (
                        one.weight_bytes,
                        one.serving_bytes,
                        one.full_bytes,
                        one.lora_bytes,
                    )
                ),
            )
            for one in found
        ],
    )
