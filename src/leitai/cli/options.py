"""Options that several verbs have, each with its one help text."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Model = Annotated[
    str, typer.Option("--model", "-m", help="A checkpoint folder or hub id.", metavar="M")
]
Adapter = Annotated[
    str | None, typer.Option("--adapter", help="A folder with a PEFT adapter.", metavar="A")
]
Dtype = Annotated[
    Literal["float32", "bfloat16", "float16", "int8", "int4", "nf4", "nf4-double"],
    typer.Option("--dtype", help="Arithmetic; int8, int4 and nf4 quantise the weights."),
]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", envvar="LEITAI_DATA_ROOT", help="Where public data sets lie."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change a value of the spec; repeatable."),
]
SpecFile = Annotated[Path, typer.Argument(metavar="SPEC.yaml", help="What to do, as YAML.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the sampling.")]
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, help="At most so many tokens.")]
Temperature = Annotated[
    float, typer.Option("--temperature", min=0.0, help="0 takes the likeliest token.")
]
TopK = Annotated[int, typer.Option("--top-k", min=0, help="Only the k likeliest; 0: all.")]
TopP = Annotated[float, typer.Option("--top-p", min=0.0, max=1.0, help="Nucleus mass.")]
MinP = Annotated[
    float, typer.Option("--min-p", min=0.0, max=1.0, help="Share of the likeliest's probability.")
]
Penalty = Annotated[
    float, typer.Option("--repetition-penalty", min=0.01, help="Above 1 discourages repeats.")
]
Stop = Annotated[
    list[str] | None, typer.Option("--stop", help="End the answer before this text; repeatable.")
]
System = Annotated[str | None, typer.Option("--system", help="A system prompt.")]
