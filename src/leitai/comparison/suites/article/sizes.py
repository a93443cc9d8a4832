"""Claim 6: does the cost grow with the size?"""

import time
from itertools import pairwise
from typing import Any

import numpy as np

from leitai.comparison.suites.article.bench import Bench
from leitai.comparison.suites.article.findings import Finding, compared, fact
from leitai.comparison.wording import Bilingual

SIZES = ("llama3-nano", "llama3-micro")
PUBLISHED = ("Qwen2.5-0.5B", "Llama-3.2-1B", "Llama-3.2-3B", "Qwen2.5-7B", "Llama-3.1-8B")
TOKENS = 256


def measure(bench: Bench) -> list[Finding]:
    """Count, time and forecast: two small models measured, the published ones planned."""
    findings = []
    models = [bench.scratch(preset) for preset in SIZES]
    inputs = {"states": [model.state for model in models], "repeats": bench.settings.repeats}
    found = bench.measure("sizes-measured", inputs, lambda: _measured(bench))
    counts = list(zip(SIZES, found["parameters"], found["flops"], found["bytes"], strict=True))
    for preset, parameters, flops, size in counts:
        findings += _counts(preset, parameters, flops, size)
    small, large = (np.log2(np.array(times))[:, None] for times in found["seconds"])
    name = Bilingual(
        "time of a training step, larger over smaller, as a power of two",
        "一步训练的时间，大模型与小模型之比，以 2 为底的对数",
    )
    findings.append(compared(name, large, small, "log2"))
    planned = bench.measure("sizes-planned", {"models": list(PUBLISHED)}, _planned)
    rows = planned["rows"]
    for row in rows:
        findings += _counts(row["name"], row["parameters"], row["flops"], row["bytes"])
        words = Bilingual(
            f"{row['name']}: forecast for 1,000 rows by LoRA on this machine",
            f"{row['name']}：在本机用 LoRA 训练 1,000 行的预测时间",
        )
        findings.append(fact(words, row["seconds"] / 3600, "hours"))
    grows = all(
        one[key] < other[key]
        for one, other in pairwise(rows)
        for key in ("parameters", "flops", "bytes")
    )
    words = Bilingual(
        "published sizes: memory and operations grow with the parameters",
        "已发布的各尺寸：内存和运算量随参数增长",
    )
    return [*findings, fact(words, float(grows), holds=grows)]


def _counts(name: str, parameters: float, flops: float, size: float) -> list[Finding]:
    return [
        fact(Bilingual(f"{name}: parameters", f"{name}：参数"), parameters / 1e6, "millions"),
        fact(
            Bilingual(f"{name}: training a token in full", f"{name}：全参数训练一个词元"),
            flops / 1e9,
            "GFLOP",
        ),
        fact(Bilingual(f"{name}: weights in bfloat16", f"{name}：bfloat16 权重"), size, "GB"),
    ]


def _shape(config: Any) -> dict[str, float]:
    from leitai.adapters import cost
    from leitai.adapters.method import Full
    from leitai.models import parameter_count

    head = cost.head_flops(config, 1, method=Full())
    return {
        "parameters": float(parameter_count(config)),
        "flops": cost.linear_training_flops(config, Full()) + head,
        "bytes": cost.weight_bytes(config, "bfloat16") / 1e9,
    }


def _measured(bench: Bench) -> dict[str, Any]:
    """Time both sizes in turn, so that a busy machine slows both alike."""
    import torch

    from leitai.models import load_decoder

    decoders = [load_decoder(bench.scratch(p).folder, dtype="float32", device="cpu") for p in SIZES]
    shapes = [_shape(decoder.config) for decoder in decoders]
    ids = torch.arange(TOKENS)[None]
    seconds: list[list[float]] = [[], []]
    for repeat in range(bench.settings.repeats + 1):
        for decoder, times in zip(decoders, seconds, strict=True):
            decoder.zero_grad()
            start = time.perf_counter()
            logits = decoder.logits(decoder(ids))[0, :-1]
            loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:])
            torch.autograd.backward(loss)
            if repeat:  # the first pass also sets things up
                times.append(time.perf_counter() - start)
    keys = ("parameters", "flops", "bytes")
    return {key: [shape[key] for shape in shapes] for key in keys} | {"seconds": seconds}


def _planned() -> dict[str, Any]:
    from leitai.adapters.method import LoRA
    from leitai.models import preset
    from leitai.planning import TrainTask, make_plan, measured_machine

    machine = measured_machine("cpu")
    task = TrainTask(rows=1000, tokens=100, targets=30, method=LoRA(), epochs=1)
    rows = []
    for name in PUBLISHED:
        plan = make_plan(preset(name), task, machine, "bfloat16")
        rows.append({"name": name, **_shape(preset(name)), "seconds": plan.seconds})
    return {"rows": rows}
