"""The measurement behind `machine.py`: `python -m leitai.planning.probe cpu` prints it as JSON.

Matrix products are timed on their own, at a few sizes, since their rate depends on the shape. What
everything else costs (norms, activations, autograd, calls) is measured on the engine itself: real
passes of one block of middle size, few tokens and many, minus the products' time. The two unknowns,
seconds a call and seconds a byte, follow from the two passes. So a faster engine plans faster runs.
"""

import json
import os
import sys
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch

from leitai.adapters import packed_weights
from leitai.adapters.cost import linear_flops, working_bytes_per_token
from leitai.adapters.method import Full, LoRA
from leitai.base.machine import machine as describe
from leitai.base.memory import peak_bytes, reused_memory
from leitai.kernels.build import library
from leitai.kernels.packed import PackedWeight
from leitai.models import (
    Decoder,
    KeyValueCache,
    ModelConfig,
    init_decoder,
    parse_dtype,
    scratch_config,
)
from leitai.planning.machine import Machine
from leitai.planning.products import (
    forward_products,
    gradient_seconds,
    seconds_of,
    training_products,
)
from leitai.planning.stopwatch import ROW_TOKENS, Probe, probe_config
from leitai.training.loss import cross_entropy, loss_sum
from leitai.training.memory import activation_bytes
from leitai.training.optimizer import make_optimizer
from leitai.training.spec import AdaptSpec

FEW, MANY = 16, 256
_BESIDE = ("jinja2", "rich.console", "tokenizers", "typer", "yaml")
"""What a command has loaded beside the engine, which is memory of the process too."""
_COLD_BLOCKS, _MORE_ROWS = 10, 8


def _solve(few: float, many: float, bytes_few: float, bytes_many: float) -> dict[str, float]:
    """Find seconds a call and a byte from two times beyond the products."""
    byte = max(0.0, (many - few) / (bytes_many - bytes_few))
    return {"call": max(0.0, few - byte * bytes_few), "byte": byte}


def measure(device: str) -> Machine:
    """Measure; takes about two seconds on two cores."""
    for name in _BESIDE:
        import_module(name)
    probe, config = Probe(device), probe_config()
    # what libraries load at their first use belongs to the program, so use them in small first
    with torch.inference_mode():
        probe.decoder(torch.float32)(torch.zeros(1, 8, dtype=torch.int64, device=probe.device))
    process = peak_bytes()
    decoder = probe.decoder(torch.float32, LoRA(rank=1))
    torch.autograd.backward(loss_sum(decoder, probe.batch(FEW)))
    make_optimizer(decoder, AdaptSpec()).step()
    trainer = peak_bytes()
    here = describe()
    name, memory = str(here["processor"]), int(here["memory_bytes"])
    if probe.device.type == "cuda":
        properties = torch.cuda.get_device_properties(probe.device)
        name, memory = properties.name, properties.total_memory
    dtypes = {name: parse_dtype(name) or torch.float32 for name in ("float32", "bfloat16")}
    products = {name: probe.products(dtype) for name, dtype in dtypes.items()}
    if PackedWeight.takes(torch.empty(1, dtype=torch.bfloat16, device=probe.device)):
        products["bfloat16 packed"] = probe.products(torch.bfloat16, packed=True)
    attention = {}
    for training_too in (False, True):
        end = "+training" if training_too else ""
        attention[f"call{end}"] = probe.attention(torch.float32, training=training_too, tokens=8)
        for label, number_format in dtypes.items():
            rate = probe.attention_rate(number_format, training=training_too)
            attention[f"{label}{end}"] = rate
    machine = Machine(
        device=probe.device.type,
        name=name,
        threads=torch.get_num_threads(),
        memory_bytes=memory,
        process_bytes=process,
        trainer_bytes=trainer,
        native=probe.device.type == "cpu" and library() is not None,
        products=products,
        attention=attention,
        stream=probe.stream(),
        training={},
        forward={},
        decode={},
        optimiser=0.0,
        logit=0.0,
    )
    training: dict[str, Any] = {}
    optimiser = 0.0
    for method, dtype in ((Full(), "float32"), (LoRA(), "float32"), (LoRA(), "bfloat16")):
        decoder = probe.decoder(dtypes[dtype], method)
        beyond = {}
        for tokens in (FEW, MANY):
            batch = probe.batch(tokens)
            with packed_weights(decoder):
                took = probe.seconds(
                    lambda d=decoder, b=batch: torch.autograd.backward(loss_sum(d, b))  # type: ignore[misc]
                )
            packed = machine.packs(config, method, dtype)
            known = seconds_of(
                training_products(config, method, dtype, tokens, packed=packed), machine
            )
            known += gradient_seconds(config, method, machine)
            beyond[tokens] = took - known
        moved = [
            activation_bytes(config, method, dtype, tokens, native=machine.native)
            for tokens in (FEW, MANY)
        ]
        training[f"{method.name} {dtype}"] = _solve(beyond[FEW], beyond[MANY], *moved)
        if isinstance(method, Full):
            optimiser = _time_optimiser(probe, decoder)
    forward, decode = {}, {}
    for dtype, number_format in dtypes.items():
        forward[dtype], decode[dtype] = _time_inference(probe, number_format, dtype, machine)
    return replace(
        machine,
        training=training,
        forward=forward,
        decode=decode,
        optimiser=optimiser,
        logit=_time_logits(probe, machine),
    )


def _time_optimiser(probe: Probe, decoder: Decoder) -> float:
    """Seconds a number of clipping, AdamW's update and new gradients."""
    parameters = [p for p in decoder.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(parameters, lr=1e-6, fused=True)

    def work() -> None:
        adam.zero_grad(set_to_none=True)
        for p in parameters:
            p.grad = torch.zeros_like(p)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.step()

    return probe.seconds(work, repeats=2) / sum(p.numel() for p in parameters)


@torch.inference_mode()
def _time_inference(
    probe: Probe, number_format: torch.dtype, dtype: str, machine: Machine
) -> tuple[dict[str, float], dict[str, float]]:
    """Time passes without gradients and steps of writing; see `Machine.forward` and `.decode`."""
    decoder = probe.decoder(number_format)
    config = decoder.config
    beyond = []
    for tokens in (FEW, MANY):
        ids = torch.zeros(
            max(1, tokens // ROW_TOKENS),
            min(tokens, ROW_TOKENS),
            dtype=torch.int64,
            device=probe.device,
        )
        took = probe.seconds(lambda i=ids: decoder(i))  # type: ignore[misc]
        beyond.append(took - seconds_of(forward_products(config, dtype, tokens), machine))
    working = working_bytes_per_token(config, dtype)
    forward = _solve(beyond[0], beyond[1], FEW * working, MANY * working)
    return forward, _time_writing(probe, number_format)


def _time_writing(probe: Probe, number_format: torch.dtype) -> dict[str, float]:
    """Seconds a block and a weight's byte of a step of writing; see `Machine.decode`.

    From a small model, whose calls show, and one that no cache holds, whose reading shows.
    """
    small = scratch_config("llama3-nano", 512)
    large = replace(probe_config(), num_hidden_layers=_COLD_BLOCKS)

    def step(config: ModelConfig, rows: int) -> float:
        decoder = init_decoder(config, 0, dtype=number_format, device=probe.device).eval()
        ids = torch.zeros(rows, 1, dtype=torch.int64, device=probe.device)
        cache = KeyValueCache(config, rows, device=probe.device)
        decoder(ids.expand(rows, FEW), scope=cache)
        return probe.seconds(lambda: decoder(ids, scope=cache)) / config.num_hidden_layers

    taken = [step(small, 1), step(large, 1)]
    read = [
        linear_flops(config) // 2 * number_format.itemsize / config.num_hidden_layers
        for config in (small, large)
    ]
    more = (step(large, _MORE_ROWS) - taken[1]) / ((_MORE_ROWS - 1) * read[1])
    return _solve(*taken, *read) | {"row": max(0.0, more)}


def _time_logits(probe: Probe, machine: Machine) -> float:
    """Seconds a logit of the loss with its gradient, beyond the two products."""
    rows, width, vocab = 32, 128, 32_768
    head = probe.random(vocab, width, dtype=torch.float32)
    hidden = probe.random(rows, width, dtype=torch.float32).requires_grad_()
    targets = torch.zeros(rows, dtype=torch.int64, device=probe.device)
    weights = torch.ones(rows, device=probe.device)
    took = probe.seconds(lambda: cross_entropy(hidden, head, targets, weights))
    known = 4 * rows * width * vocab / machine.product_rate("float32", rows, width, vocab)
    return max(0.0, took - known) / (rows * vocab)


if __name__ == "__main__":
    # warnings of the libraries belong to no one here
    output, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: PTH123, SIM115
    with reused_memory():  # as the loops of training, scoring and writing have it
        result = measure(sys.argv[1])
    output.write(json.dumps(result.to_dict()))
