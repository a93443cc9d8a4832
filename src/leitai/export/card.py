"""Model cards: README.md of an exported folder, in English and short in Chinese.

The front matter is the hub's (https://huggingface.co/docs/hub/model-cards).
"""

from collections.abc import Iterator
from typing import Any

import yaml

from leitai.export.facts import Facts, gather_facts
from leitai.export.source import Source

CARD_FILE = "README.md"
_GIB = 2**30


def model_card(
    source: Source, name: str, library: str, format_name: str, file: str | None = None
) -> str:
    """Return the text of a model's card.

    Args:
        source: what the model was made from.
        name: the model's.
        library: "transformers", "peft" or "gguf": what loads the folder.
        format_name: the number format of the weights, such as "bf16".
        file: the name of the GGUF file.

    Raises:
        LeitaiError: a file of the run is damaged.
    """
    facts = gather_facts(source)
    matter = yaml.safe_dump(
        _front_matter(facts, library, source.adapter is not None or bool(facts.result)),
        allow_unicode=True,
        sort_keys=False,
    )
    body = "\n".join((*_english(facts, name, library, format_name, file), "", *_chinese(facts)))
    return f"---\n{matter}---\n\n{body}\n"


def _front_matter(facts: Facts, library: str, tuned: bool) -> dict[str, Any]:
    matter: dict[str, Any] = {"license": facts.licence or "other"}
    if facts.base_on_hub:
        matter["base_model"] = facts.base_name
        relations = {"peft": "adapter", "gguf": "quantized"}
        matter["base_model_relation"] = relations.get(library, "finetune")
    matter["library_name"] = library
    matter["pipeline_tag"] = "text-generation"
    if facts.languages:
        matter["language"] = list(facts.languages)
    method = _method(facts).get("name")
    tags = ["leitai", facts.config.family, *([str(method)] if method and tuned else [])]
    return matter | {"tags": tags}


def _method(facts: Facts) -> dict[str, Any]:
    return dict((facts.identity.get("adapt") or {}).get("method") or {})


def _english(
    facts: Facts, name: str, library: str, format_name: str, file: str | None
) -> Iterator[str]:
    yield f"# {name}\n"
    yield f"{_kind(facts)}, exported by Leitai as {library} in {format_name}.\n"
    yield "## Base and licence\n"
    yield from (f"- {line}" for line in _base_lines(facts))
    if facts.result:
        yield "\n## Data\n"
        yield from (f"- {line}" for line in _data_lines(facts))
        yield "\n## Method and budget\n"
        yield from (f"- {line}" for line in _method_lines(facts))
    if results := list(_result_lines(facts)):
        yield "\n## Results\n"
        yield from (f"- {line}" for line in results)
    yield "\n## Use\n"
    yield _use(library, name, file, facts)
    yield "\n## Limits\n"
    yield from (f"- {line}" for line in _limits(facts, library))


def _kind(facts: Facts) -> str:
    return f"A {facts.config.family} decoder of {facts.parameters:,} parameters"


def _base_lines(facts: Facts) -> Iterator[str]:
    if facts.base_name.startswith("scratch:"):
        yield f"Trained from random weights (`{facts.base_name}`): there is no base model."
        yield "Licence: to be chosen by whoever publishes it."
        return
    yield f"Base: `{facts.base_name or 'not recorded'}`."
    if facts.licence:
        yield f"Licence of the base, which binds this model too: `{facts.licence}`."
    else:
        yield "Licence: the base's files state none here; look it up before you publish."
    if (facts.licence or "").startswith("llama3"):
        yield (
            "The Llama licence asks for a name that begins with Llama and for the words "
            '"Built with Llama".'
        )


def _data_lines(facts: Facts) -> Iterator[str]:
    if sources := facts.data.get("sources"):
        yield f"Sources: {'; '.join(sources)}."
    result, identity = facts.result, facts.identity
    for what, count, key in (
        ("Training", "train_rows", "train"),
        ("Validation", "valid_rows", "validation"),
    ):
        rows = result.get(count, 0)
        digest = facts.data.get(key) or identity.get(f"{key.replace('train', 'training')} rows")
        yield f"{what} rows: {rows:,}" + (f", SHA-256 `{digest}`." if digest and rows else ".")


def _method_lines(facts: Facts) -> Iterator[str]:
    method, result, cost = _method(facts), facts.result, facts.cost
    settings = ", ".join(f"{key} {value}" for key, value in method.items() if key != "name")
    yield f"Method: {method.get('name', 'not recorded')}" + (f" ({settings})." if settings else ".")
    trained = result.get("trainable_parameters", 0)
    yield f"Trained parameters: {trained:,} ({trained / facts.parameters:.2%} of the model)."
    yield (
        f"Budget: {result.get('steps', 0):,} steps, {result.get('epochs', 0):g} epochs, "
        f"{result.get('train_tokens', 0):,} tokens, of them "
        f"{result.get('target_tokens', 0):,} predicted; seed {facts.identity.get('seed')}."
    )
    if cost:
        yield (
            f"Cost: {cost.get('seconds', 0):,.0f} s, "
            f"at most {cost.get('peak_bytes', 0) / _GIB:.2f} GiB of memory."
        )
    if digest := facts.identity.get("base weights"):
        yield f"Weights that training began with: SHA-256 `{digest}`."


def _result_lines(facts: Facts) -> Iterator[str]:
    result = facts.result
    if result.get("best_loss") is not None:
        bits = result.get("best_bits_per_byte")
        yield (
            f"Validation loss {result['best_loss']:.4f} nats a token"
            + (f", {bits:.4f} bits a byte" if bits is not None else "")
            + f", at step {result.get('best_step', 0):,}."
        )
    for task in facts.verdict.get("tasks", ()):
        for part in task["slices"]:
            value = part["scores"][facts.side]
            yield (
                f"{task['task']}, {part['slice']}: {task['metric']} {value['value']:.3f} "
                f"(95 % interval {value['low']:.3f} to {value['high']:.3f}, n = {part['n']:,})."
            )
    if overall := facts.verdict.get("overall"):
        yield f"Verdict of the duel (this model is {facts.side}): {overall['reason']['en']}"


def _use(library: str, name: str, file: str | None, facts: Facts) -> str:
    if library == "gguf":
        return f"```\nllama-cli -m {file}\n```"
    if library == "peft":
        base = facts.base_name or "BASE"
        return f"```\nleitai chat --model {base} --adapter {name}\n```"
    return (
        f"```\nleitai chat --model {name}\n```\n\n"
        "The folder is a plain Hugging Face checkpoint: transformers, vLLM and SGLang load it."
    )


def _limits(facts: Facts, library: str) -> Iterator[str]:
    yield f"At most {facts.config.max_position_embeddings:,} tokens of context."
    if facts.result:
        yield (
            "Adapted to the data above; what lies outside of it was not checked. The base's "
            "mistakes and biases stay."
        )
    else:
        yield "Nothing was trained or measured here."
    if library == "gguf" and facts.config.family.startswith("qwen"):
        yield (
            "llama.cpp does not normalise text to Unicode NFC as Qwen's own tokenizer does: text "
            "with decomposed accents gets other tokens."
        )


def _chinese(facts: Facts) -> Iterator[str]:
    yield "## 中文说明\n"
    scratch = facts.base_name.startswith("scratch:")
    base = "从随机权重训练" if scratch else f"基座：`{facts.base_name or '未记录'}`"
    yield f"- {base}；{facts.config.family} 架构，{facts.parameters:,} 个参数。"
    if scratch:
        yield "- 许可：由发布者决定。"
    else:
        yield f"- 许可：{facts.licence or '基座文件未写明，发布前请查证'}。"
    if facts.result:
        result = facts.result
        yield (
            f"- 训练：{_method(facts).get('name', '未记录')}，"
            f"{result.get('train_rows', 0):,} 行数据，{result.get('steps', 0):,} 步，"
            f"{result.get('trainable_parameters', 0):,} 个可训练参数。"
        )
        yield "- 局限：只适应上述数据，其他用途未经验证。"
    if overall := facts.verdict.get("overall"):
        yield f"- 裁决（本模型为 {facts.side}）：{overall['reason']['zh']}"
