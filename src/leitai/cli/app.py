"""The command line: which verbs there are, in the order in which the help lists them."""

import typer

from leitai.cli import (
    comparing,
    datasets,
    exporting,
    harness,
    judging,
    looking,
    planning,
    reporting,
    sizing,
    tokenizing,
    training,
    writing,
)

app = typer.Typer(
    name="leitai",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Leitai 擂台: Qwen or Llama 3, for my task, at what cost, "
    "and how sure are we?\n\n"
    "Begin with leitai compare examples/demo.yaml.",
)
app.add_typer(datasets.app, name="data")

app.command()(comparing.compare)
app.command()(training.train)
app.command()(writing.score)
app.command()(writing.generate)
app.command()(writing.chat)
app.command()(looking.preview)
app.command()(planning.plan)
app.command()(exporting.export)
app.command()(judging.judge)
app.command()(reporting.report)
app.command()(looking.doctor)
app.command("lm-eval")(harness.lm_eval)
app.command()(tokenizing.tokenizers)
app.command()(sizing.resources)
