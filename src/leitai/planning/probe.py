"""The measurement behind `machine.py`: `python -m leitai.planning.probe cpu` prints it as JSON.

Matrix products are timed on their own, at a few sizes, since their rate depends on the shape. What
everything else costs (norms, activations, autograd, calls) is measured on the engine itself: real
passes of a small model, in which products are not everything, minus the products' time. The two
unknowns, seconds a call and seconds a byte, follow from few tokens and from many. So a faster
engine plans faster runs.
"""

import json
import os
import sys
from dataclasses import replace
from importlib import import_module

import torch

from leitai.adapters import packed_weights
from leitai.adapters.cost import Method, linear_flops, working_bytes_per_token
from leitai.adapters.method import Full, LoRA
from leitai.base.machine import machine as describe
from leitai.base.memory import peak_bytes, reused_memory
from leitai.inference.generation import Limits, make_row
from leitai.inference.sampler import Sampling
from leitai.inference.scheduler import Engine
from leitai.kernels.build import library
from leitai.kernels.packed import PackedWeight
from leitai.models import (
    Decoder,
    KeyValueCache,
    ModelConfig,
    init_decoder,
    parse_dtype,
)
from leitai.planning.machine import Machine
from leitai.planning.products import (
    forward_products,
    gradient_seconds,
    head_products,
    seconds_of,
    training_products,
)
from leitai.planning.stopwatch import ROW_TOKENS, Probe, probe_config, small_config
from leitai.training.loss import cross_entropy, loss_sum
from leitai.training.memory import activation_bytes
from leitai.training.optimizer import make_optimizer
from leitai.training.spec import AdaptSpec

FEW, MANY = 16, 512
_BLOCKS = small_config().num_hidden_layers
_BESIDE = ("jinja2", "rich.console", "tokenizers", "typer", "yaml")
"""What a command has loaded beside the engine, which is memory of the process too."""
_COLD_BLOCKS, _SMALL_BLOCKS, _MORE_ROWS = 10, 8, 8


def _solve(few: float, many: float, bytes_few: float, bytes_many: float) -> dict[str, float]:
    """Find seconds a call and a byte from two times beyond the products."""
    byte = max(0.0, (many - few) / (bytes_many - bytes_few))
    return {"call": max(0.0, few - byte * bytes_few), "byte": byte}


def measure(device: str) -> Machine:
    """Measure; takes about four seconds on two cores."""
    for name in _BESIDE:
        import_module(name)
    probe = Probe(device)
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
    machine = replace(machine, logit=_time_logits(probe, machine))
    training = {
        f"{method.name} {dtype}": _time_training(probe, method, dtype, machine)
        for method, dtype in ((Full(), "float32"), (LoRA(), "float32"), (LoRA(), "bfloat16"))
    }
    forward, decode = {}, {}
    for dtype, number_format in dtypes.items():
        forward[dtype], decode[dtype] = _time_inference(probe, number_format, dtype, machine)
    return replace(
        machine,
        training=training,
        forward=forward,
        decode=decode,
        optimiser=_time_optimiser(probe, probe.decoder(torch.float32, Full())),
    )


def _time_training(probe: Probe, method: Method, dtype: str, machine: Machine) -> dict[str, float]:
    """Seconds a block and a kept byte of a batch, beyond products; see `Machine.training`."""
    config = small_config()

    def beyond(tokens: int) -> float:
        decoder = probe.decoder(parse_dtype(dtype) or torch.float32, method, config)
        batch = probe.batch(tokens)
        with packed_weights(decoder):
            took = probe.seconds(lambda: torch.autograd.backward(loss_sum(decoder, batch)))
        packed = machine.packs(config, method, dtype)
        products = training_products(config, method, dtype, tokens, packed=packed)
        products += head_products(config, dtype, tokens, method)
        took -= seconds_of(products, machine) + gradient_seconds(config, method, machine)
        return took - tokens * config.vocab_size * machine.logit

    moved = [
        activation_bytes(config, method, dtype, tokens, native=machine.native) / _BLOCKS
        for tokens in (FEW, MANY)
    ]
    return _solve(beyond(FEW) / _BLOCKS, beyond(MANY) / _BLOCKS, *moved)


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
    decoder = probe.decoder(number_format, config=small_config())
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
        known = seconds_of(forward_products(config, dtype, tokens), machine)
        beyond.append((took - known) / _BLOCKS)
    working = working_bytes_per_token(config, dtype)
    forward = _solve(beyond[0], beyond[1], FEW * working, MANY * working)
    return forward, _time_writing(probe, number_format)


def _time_writing(probe: Probe, number_format: torch.dtype) -> dict[str, float]:
    """Seconds a block and a weight's byte of a step of writing; see `Machine.decode`.

    From a small model in the engine, whose calls show, and one that no cache holds, whose reading
    shows.
    """
    small = replace(small_config(), num_hidden_layers=_SMALL_BLOCKS)
    large = replace(probe_config(), num_hidden_layers=_COLD_BLOCKS)

    decoder = init_decoder(large, 0, dtype=number_format, device=probe.device).eval()

    def step(rows: int) -> float:
        ids = torch.zeros(rows, 1, dtype=torch.int64, device=probe.device)
        cache = KeyValueCache(large, rows, device=probe.device)
        decoder(ids.expand(rows, FEW), scope=cache)
        return probe.seconds(lambda: decoder(ids, scope=cache)) / large.num_hidden_layers

    taken = [_time_engine(probe, small, number_format), step(1)]
    read = [
        linear_flops(config) // 2 * number_format.itemsize / config.num_hidden_layers
        for config in (small, large)
    ]
    more = (step(_MORE_ROWS) - taken[1]) / ((_MORE_ROWS - 1) * read[1])
    return _solve(*taken, *read) | {"row": max(0.0, more)}


def _time_engine(probe: Probe, config: ModelConfig, number_format: torch.dtype) -> float:
    """Seconds a block of a step that writes one token of one request."""
    decoder = init_decoder(config, 0, dtype=number_format, device=probe.device).eval()
    limits = Limits(max_tokens=config.max_position_embeddings - FEW)
    row = make_row(config, [0] * FEW, Sampling(temperature=0.0), limits, lambda token: b"x")
    engine = Engine(decoder, speculate=False)
    engine.submit(row)
    engine.step()
    return probe.seconds(engine.step) / config.num_hidden_layers


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
