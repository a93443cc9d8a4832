"""The verb that compares tokenizers."""

import json as writer
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leitai.base.errors import LeitaiError
from leitai.base.files import write_text
from leitai.cli import show
from leitai.cli.options import DataRoot
from leitai.cli.sheet import Sheet

if TYPE_CHECKING:
    from leitai.comparison.tokenizers import Packing
    from leitai.text import Tokenizer


def tokenizers(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]MODEL...", help="A folder, a tokenizer's file or a hub id each."
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="D", help="A set, file or folder; repeatable. Else the bookshop."
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Of the records, instead of the usual ones; repeatable."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            "--price", metavar="[NAME=]P", help="Of a million tokens; repeatable, or a YAML file."
        ),
    ] = None,
    context: Annotated[
        int, typer.Option("--context", min=1, help="Tokens to be filled with characters.")
    ] = 8192,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the table there, too.")
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Compare how far text goes in tokenizers: per data set and language, without any weights.

    Characters and bytes a token holds, tokens and cost of a thousand characters, characters that
    fit into a context; the first tokenizer is the others' measure. Intervals are 95 %, by
    resampling texts.

    Examples:

        leitai tokenizers Qwen/Qwen2.5-7B meta-llama/Llama-3.1-8B

        leitai tokenizers ./qwen ./llama --data bookshop --data gsm8k --data article.txt

        leitai tokenizers a=qwen.tiktoken b=tokenizer.model --price a=0.3 --price b=0.2
    """
    from leitai.comparison.tokenizers import compare_tokenizers
    from leitai.data.texts import read_texts

    named = _load(models)
    prices = _prices(price or [], named)
    names = list(dict.fromkeys(data or ["bookshop"]))
    found = compare_tokenizers(
        {name: read_texts(name, data_root=data_root, fields=field or ()) for name in names},
        named,
    )
    if json:
        rows = [one.to_dict(context=context, price=prices.get(one.tokenizer)) for one in found]
        show.line(writer.dumps(rows, ensure_ascii=False, indent=1))
    sheet = _sheet(found, prices, context)
    if not json:
        show.sheet(sheet)
    if markdown is not None:
        write_text(markdown, sheet.markdown())


def _load(models: list[str]) -> dict[str, "Tokenizer"]:
    from leitai.models.hub import resolve_model
    from leitai.text import Tokenizer

    named: dict[str, Tokenizer] = {}
    for model in models:
        name, parted, place = model.partition("=")
        path = Path(place if parted else model).expanduser()
        name = name if parted else path.name
        if name in named:
            raise LeitaiError(
                f"two tokenizers are called {name!r}", where=model, remedy="write NAME=MODEL"
            )
        named[name] = (
            Tokenizer.from_file(path)
            if path.is_file()
            else Tokenizer.from_folder(resolve_model(place if parted else model))
        )
    return named


def _prices(given: list[str], names: dict[str, "Tokenizer"]) -> dict[str, float]:
    """Read prices: one for all, NAME=P, or a file of such lines in YAML."""
    from leitai.base.files import read_text
    from leitai.base.yamltext import parse_yaml

    prices: dict[str, float] = {}
    for text in given:
        if Path(text).is_file():
            table = parse_yaml(read_text(Path(text), limit=1 << 20), text).data
            pairs = list(table.items()) if isinstance(table, dict) else [(text, table)]
        else:
            name, parted, value = text.partition("=")
            pairs = [(name, value)] if parted else [(one, text) for one in names]
        for name, value in pairs:
            prices[str(name)] = _price(value, str(name), names, text)
    return prices


def _price(value: object, name: str, names: dict[str, "Tokenizer"], where: str) -> float:
    if name not in names:
        raise LeitaiError(
            f"no tokenizer is called {name!r}", where=where, remedy=f"use {', '.join(names)}"
        )
    try:
        price = float(str(value))
    except ValueError:
        price = -1.0
    if not 0 <= price < 1e9:
        raise LeitaiError(
            "expected a price, a number from 0", where=where, remedy="write 0.5 or NAME=0.5"
        )
    return price


def _sheet(found: list["Packing"], prices: dict[str, float], context: int) -> Sheet:
    headings = ["data", "language", "tokenizer", "texts", "characters", "characters/token"]
    headings += ["bytes/token", "tokens/1,000 characters", "x the first's tokens"]
    headings += ["cost/1,000 characters"] if prices else []
    headings += [f"characters in {context:,} tokens"]
    rows = []
    for one in found:
        row = [one.data, one.language, one.tokenizer, f"{one.texts:,}", f"{one.characters:,}"]
        row += [_with(one.characters_per_token, one.characters_interval)]
        row += [f"{one.bytes_per_token:.2f}", f"{one.tokens_per_thousand:,.0f}"]
        row += [_with(one.relative, one.relative_interval)]
        if prices:
            price = prices.get(one.tokenizer)
            row += ["" if price is None else f"{one.cost_per_thousand(price):.3g}"]
        rows.append([*row, f"{one.characters_in(context):,}"])
    return Sheet(headings, rows, keys=3)


def _with(value: float, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return f"{value:.3f}"
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
