"""GGUF files, written and read back with the `gguf` package (extra `export`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from leitai.base import LeitaiError
from leitai.export.gguf_layout import (
    FORMATS,
    ROPE_FACTORS,
    Format,
    check_rope_factors,
    from_gguf_order,
    gguf_name,
    is_outer,
    rope_factors,
    to_gguf_order,
)
from leitai.export.gguf_vocabulary import Vocabulary
from leitai.models import Decoder, ModelConfig, RopeScaling

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter


def require_gguf() -> None:
    """Do nothing where the `gguf` package is installed.

    Raises:
        LeitaiError: it is not.
    """
    try:
        import gguf  # noqa: F401
    except ImportError as error:
        raise LeitaiError(
            "GGUF files need the package gguf", remedy="pip install 'leitai[export]'"
        ) from error


def write_gguf(
    decoder: Decoder,
    vocabulary: Vocabulary,
    templates: Mapping[str, str],
    path: Path,
    format_name: str,
    *,
    name: str,
) -> None:
    """Write a decoder and its tokenizer; one tensor at a time is converted and written.

    Args:
        decoder: plain, without adapter or quantised layers.
        vocabulary: see `read_vocabulary`.
        templates: chat templates by name; empty for a model that cannot chat.
        path: a file that does not exist yet.
        format_name: a key of `FORMATS`. A matrix whose rows do not fill whole blocks is float16.
        name: what the file calls the model.

    Raises:
        LeitaiError: the `gguf` package is missing.
    """
    require_gguf()
    import gguf

    config, form = decoder.config, FORMATS[format_name]
    writer = gguf.GGUFWriter(path, config.family)
    _write_architecture(writer, config, form, name)
    _write_vocabulary(writer, vocabulary, templates)
    tensors: dict[str, tuple[Tensor, GGMLQuantizationType]] = {}
    for key, parameter in decoder.named_parameters():
        ordered = to_gguf_order(parameter.detach(), key, config)
        tensors[gguf_name(key)] = (ordered, _type_of(key, parameter, form))
    factors = rope_factors(config)
    if factors is not None:
        tensors[ROPE_FACTORS] = (factors, gguf.GGMLQuantizationType.F32)
    for key, (tensor, kind) in tensors.items():
        shape = gguf.quant_shape_to_byte_shape(tuple(tensor.shape), kind)
        size = int(np.prod(shape))
        writer.add_tensor_info(key, shape, np.dtype(np.uint8), size, raw_dtype=kind)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor, kind in tensors.values():
            values = tensor.float().cpu().contiguous().numpy()
            writer.write_tensor_data(gguf.quants.quantize(values, kind))
    finally:
        writer.close()


def _type_of(name: str, tensor: Tensor, form: Format) -> "GGMLQuantizationType":
    import gguf

    kinds = gguf.GGMLQuantizationType
    if tensor.dim() < 2:
        return kinds.F32
    kind = kinds[form.outer if is_outer(name) else form.matrix]
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    return kind if tensor.shape[-1] % block == 0 else kinds.F16


def _write_architecture(writer: "GGUFWriter", config: ModelConfig, form: Format, name: str) -> None:
    import gguf

    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType[form.file_type])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _write_vocabulary(
    writer: "GGUFWriter", vocabulary: Vocabulary, templates: Mapping[str, str]
) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    for role, index in vocabulary.ids.items():
        getattr(writer, f"add_{role}_token_id")(index)
    writer.add_add_bos_token(vocabulary.add_bos)
    if templates:
        named = [{"name": key, "template": text} for key, text in sorted(templates.items())]
        writer.add_chat_template(templates["default"] if len(named) == 1 else named)


def read_gguf(path: Path, *, rope_scaling: RopeScaling | None = None) -> Decoder:
    """Read a decoder of one of our families, dequantised to float32.

    Args:
        path: the file.
        rope_scaling: the file holds only the factors that follow from it, so it is given and held
            against them.

    Raises:
        LeitaiError: the file is damaged, of another architecture, or lacks a tensor; `rope_scaling`
            is not the file's.
    """
    require_gguf()
    import gguf

    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, OSError, IndexError) as error:
        raise LeitaiError(f"not a whole GGUF file ({error})", where=path) from error
    stored = {tensor.name: tensor for tensor in reader.tensors}
    config = _read_config(reader, path, tied="output.weight" not in stored, scaling=rope_scaling)
    factors = stored.pop(ROPE_FACTORS, None)
    found = None if factors is None else torch.from_numpy(np.array(factors.data))
    check_rope_factors(found, config, path)
    with torch.device("meta"):
        decoder = Decoder(config)
    expected = dict(decoder.named_parameters())
    names = {gguf_name(name) for name in expected}
    if wrong := sorted(names ^ stored.keys()):
        raise LeitaiError(f"missing or surplus tensors: {', '.join(wrong[:20])}", where=path)
    for name, parameter in expected.items():
        item = stored[gguf_name(name)]
        values = torch.from_numpy(
            np.array(gguf.quants.dequantize(item.data, item.tensor_type), dtype=np.float32)
        )
        if values.shape != parameter.shape:
            raise LeitaiError(
                f"{item.name} has the shape {list(values.shape)}, not {list(parameter.shape)}",
                where=path,
            )
        owner, _, leaf = name.rpartition(".")
        ordered = from_gguf_order(values, name, config).contiguous()
        setattr(decoder.get_submodule(owner), leaf, nn.Parameter(ordered))
    return decoder.requires_grad_(False).eval()


def _read_config(
    reader: "GGUFReader", path: Path, *, tied: bool, scaling: RopeScaling | None
) -> ModelConfig:
    def value(key: str) -> Any:
        field = reader.get_field(key)
        if field is None:
            raise LeitaiError(f"{key} is missing", where=path)
        return field.contents()

    family = value("general.architecture")
    keys = {
        "vocab_size": "vocab_size",
        "hidden_size": "embedding_length",
        "intermediate_size": "feed_forward_length",
        "num_hidden_layers": "block_count",
        "num_attention_heads": "attention.head_count",
        "num_key_value_heads": "attention.head_count_kv",
        "head_dim": "attention.key_length",
        "max_position_embeddings": "context_length",
        "rms_norm_eps": "attention.layer_norm_rms_epsilon",
        "rope_theta": "rope.freq_base",
    }
    config: dict[str, Any] = {name: value(f"{family}.{key}") for name, key in keys.items()}
    config |= {"model_type": family, "tie_word_embeddings": tied}
    if scaling is not None:
        config["rope_scaling"] = {
            "rope_type": "llama3",
            **{key: getattr(scaling, key) for key in RopeScaling.__dataclass_fields__},
        }
    return ModelConfig.from_dict(config, path)
