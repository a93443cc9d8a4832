"""Closed forms against what torch counts, allocates and keeps."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode, addmm_flop

from leitai.adapters import Freeze, Full, LoRA, apply_method, cost, trainable_parameters
from leitai.kernels import elementwise
from leitai.models import Decoder, KeyValueCache, init_decoder, preset, scratch_config
from leitai.training.batches import EncodedRow, collate
from leitai.training.loss import loss_sum
from leitai.training.memory import activation_bytes
from leitai.training.optimizer import make_optimizer
from leitai.training.precision import WorkingCopies
from leitai.training.spec import AdaptSpec

METHODS = [
    Full(),
    Freeze(top_blocks=3),
    LoRA(),
    LoRA(rank=4, targets=("q_proj", "v_proj")),
    LoRA(targets=("model.layers.[67].mlp.*",)),
]
NAMES = ["qwen3-micro", "llama3-micro", "qwen2-nano"]


def config_of(name):
    return scratch_config(name, 512)


def decoder_of(name, method, dtype=torch.float32):
    decoder = init_decoder(config_of(name), 0, dtype=dtype)
    if isinstance(method, Freeze) and name.endswith("nano"):
        method = Freeze(top_blocks=2)
    apply_method(decoder, method, 0)
    return decoder.train()


def batch_of(rows, length, targets=1):
    draws = np.random.default_rng(0)
    made = []
    for _ in range(rows):
        ids = draws.integers(0, 512, length + 1)
        places = np.arange(length + 1 - targets, length + 1)
        ones = np.ones(targets)
        made.append(
            EncodedRow(ids, places, ids[places], ones.astype("f4"), ones.astype(bool), "row")
        )
    return collate(made)


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("name", ["Qwen2.5-0.5B", "Qwen3-0.6B", "Llama-3.2-1B"])
def test_trained_numbers_are_those_of_the_decoder(name, method):
    if isinstance(method, LoRA) and "model.layers.[67].mlp.*" in method.targets:
        assert cost.trained_blocks(preset(name), method) == preset(name).num_hidden_layers - 6
    with torch.device("meta"):
        decoder = Decoder(preset(name))
        apply_method(decoder, method, 0)
    assert cost.trainable_count(preset(name), method) == trainable_parameters(decoder)


@pytest.mark.parametrize("name", ["Qwen2.5-3B", "Qwen3-14B", "Llama-3.1-405B"])
def test_parameters_are_those_of_transformers(name):
    transformers = pytest.importorskip("transformers")
    config = transformers.AutoConfig.for_model(**preset(name).to_dict())
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    tied = preset(name).tie_word_embeddings
    theirs = {id(p): p.numel() for p in model.parameters()}
    assert model.config.tie_word_embeddings == tied
    assert cost.parameter_count(preset(name)) == sum(theirs.values())


def test_keys_and_values_of_known_models():
    assert cost.cache_bytes_per_token(preset("Llama-3.1-8B"), "bfloat16") == 131_072
    assert cost.cache_bytes_per_token(preset("Qwen2.5-0.5B"), "bfloat16") == 12_288
    config = config_of("qwen3-micro")
    cache = KeyValueCache(config, 2)
    decoder = init_decoder(config, 0).eval()
    with torch.inference_mode():
        decoder(torch.zeros(2, 9, dtype=torch.int64), scope=cache)
    held = sum(
        x.numel() * 4 for layer in range(config.num_hidden_layers) for x in cache.layer(layer)
    )
    assert held == 18 * cost.cache_bytes_per_token(config, "float32")


@pytest.mark.parametrize("name", ["Qwen2.5-0.5B", "Llama-3.1-8B"])
def test_weights_shrink_with_the_dtype(name):
    sizes = [cost.weight_bytes(preset(name), d) for d in ("float32", "bfloat16", "int8", "int4")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 2 * sizes[1] == 4 * cost.parameter_count(preset(name))


def counted(work):
    # in-place sums of products are not counted by default
    mapping = {torch.ops.aten.addmm_: lambda *shapes, **_: addmm_flop(*shapes)}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        work()
    # attention apart: how its kernel is counted differs between versions of torch
    total = counter.get_flop_counts()["Global"]
    return sum(value for op, value in total.items() if "attention" not in str(op))


@pytest.mark.parametrize("method", METHODS[:4], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_training_flops_are_those_that_torch_counts(name, method):
    if name.endswith("nano") and isinstance(method, Freeze):
        pytest.skip("it has four blocks")
    decoder, config = decoder_of(name, method), config_of(name)
    batch = batch_of(2, 32, targets=5)
    found = counted(lambda: loss_sum(decoder, batch).backward())
    expected = batch.ids.shape[1] * cost.linear_training_flops(config, method)
    expected += cost.head_flops(config, len(batch.targets), method=method)
    unread = batch.ids.shape[1] - len(batch.places)
    assert unread > 0
    expected -= unread * cost.unread_training_flops(config, method)
    assert found == pytest.approx(expected, rel=0.001)


@pytest.mark.parametrize("name", NAMES)
def test_forward_flops_are_those_that_torch_counts(name):
    decoder, config = init_decoder(config_of(name), 0).eval(), config_of(name)
    ids = torch.zeros(1, 48, dtype=torch.int64)
    with torch.inference_mode():
        found = counted(lambda: decoder.logits(decoder(ids)[:, -3:]))
    assert found == 48 * cost.linear_flops(config) + cost.head_flops(config, 3)


def test_attention_flops_by_hand():
    config = config_of("qwen2-nano")  # 4 blocks, 4 query heads of 32
    assert cost.attention_pairs([3, 2]) == 6 + 3
    assert cost.attention_flops(config, 9) == 4 * 9 * (2 * 4 * 32) * 2


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", METHODS[:4], ids=str)
@pytest.mark.parametrize("name", ["qwen3-micro", "llama3-micro"])
@pytest.mark.parametrize(("native", "checkpointing"), [(True, False), (False, False), (True, True)])
def test_activations_are_what_autograd_keeps(
    name, method, dtype, native, checkpointing, monkeypatch
):
    if not native:
        monkeypatch.setattr(elementwise, "library", lambda: None)
    elif elementwise.library() is None:
        pytest.skip("no compiled kernels here")
    lora = isinstance(method, LoRA)
    decoder = decoder_of(name, method, getattr(torch, dtype if lora else "float32"))
    decoder.activation_checkpointing = checkpointing
    batch = batch_of(4, 120)  # another number than the vocabulary's
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = tensor
        return tensor

    mixed = not lora and dtype == "bfloat16"
    with WorkingCopies(decoder, torch.bfloat16)() if mixed else nullcontext():
        own = {
            p.untyped_storage().data_ptr()
            for module in decoder.modules()
            for p in module._parameters.values()
            if p is not None
        }
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = loss_sum(decoder, batch)
        # the tied head's copy and its gradient belong to the weights
        head = decoder.head_weight.shape.numel()
        found = sum(t.untyped_storage().nbytes() for t in kept.values() if t.numel() != head)
        loss.backward()
    expected = activation_bytes(
        config_of(name),
        method,
        dtype,
        batch.ids.shape[1],
        native=native,
        checkpointing=checkpointing,
        unread=batch.ids.shape[1] - len(batch.places),
    )
    assert expected == pytest.approx(found, rel=0.25 if checkpointing else 0.12)


@pytest.mark.parametrize("method", METHODS[:4], ids=str)
def test_gradients_and_moments_are_what_is_allocated(method):
    decoder, config = decoder_of("llama3-micro", method), config_of("llama3-micro")
    optimizer = make_optimizer(decoder, AdaptSpec(method=method))
    loss_sum(decoder, batch_of(1, 8)).backward()
    optimizer.step()
    gradients = sum(p.grad.numel() * 4 for p in decoder.parameters() if p.grad is not None)
    moments = sum(
        t.numel() * t.element_size()
        for state in optimizer.state.values()
        for key, t in state.items()
        if key != "step"
    )
    assert gradients == cost.gradient_bytes(config, method)
    assert moments == cost.optimiser_bytes(config, method)
