"""The decoder of both families, and its checkpoints. Importing a name here imports torch."""

from leitai.models.cache import KeyValueCache
from leitai.models.checkpoint import (
    load_decoder,
    parse_dtype,
    read_config,
    read_tensor_list,
)
from leitai.models.classifier import put_score
from leitai.models.config import ModelConfig, RopeScaling
from leitai.models.decoder import Decoder
from leitai.models.families import FAMILIES, Family
from leitai.models.hub import resolve_model
from leitai.models.initialise import init_decoder
from leitai.models.presets import (
    PRESETS,
    SCRATCH_PRESETS,
    parameter_count,
    preset,
    scratch_config,
)
from leitai.models.quantized import quantize
from leitai.models.quantized_linear import QuantizedLinear
from leitai.models.saving import save_decoder
from leitai.models.scope import AttentionScope, Causal, attention
from leitai.models.virtual import Prefix, record, weights_version

__all__ = [
    "FAMILIES",
    "PRESETS",
    "SCRATCH_PRESETS",
    "AttentionScope",
    "Causal",
    "Decoder",
    "Family",
    "KeyValueCache",
    "ModelConfig",
    "Prefix",
    "QuantizedLinear",
    "RopeScaling",
    "attention",
    "init_decoder",
    "load_decoder",
    "parameter_count",
    "parse_dtype",
    "preset",
    "put_score",
    "quantize",
    "read_config",
    "read_tensor_list",
    "record",
    "resolve_model",
    "save_decoder",
    "scratch_config",
    "weights_version",
]
