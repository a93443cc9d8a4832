"""The architecture of one checkpoint, read from `config.json` and refused when not understood."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leitai.base import LeitaiError
from leitai.models.families import FAMILIES, IGNORED_FIELDS, NEUTRAL_FIELDS, WINDOW_FIELDS, Family
from leitai.models.fields import Fields

# Larger than any released model by a wide margin: a typing error, or a file made to exhaust memory.
_LIMITS = {
    "vocab_size": 4_000_000,
    "hidden_size": 65_536,
    "intermediate_size": 1_048_576,
    "num_hidden_layers": 1_024,
    "num_attention_heads": 1_024,
    "num_key_value_heads": 1_024,
    "head_dim": 1_024,
    "max_position_embeddings": 100_000_000,
}
_ROPE_FIELDS = ("factor", "low_freq_factor", "high_freq_factor")
_OWN_FIELDS = frozenset(
    (
        *_LIMITS,
        *("rms_norm_eps", "tie_word_embeddings", "initializer_range"),
        *("rope_theta", "rope_scaling", "rope_parameters"),
        *("bos_token_id", "eos_token_id", "pad_token_id"),
    )
)
LANGUAGE_MODEL, CLASSIFIER = "ForCausalLM", "ForSequenceClassification"
_REMEDY = "use a dense Qwen2, Qwen2.5, Qwen3 or Llama 3 checkpoint"


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """Llama 3.1's frequency scaling; the names are those of `config.json`."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the decoder needs to know; field names are those of `config.json`.

    Attributes:
        family: the `model_type`: "qwen2" (also Qwen2.5), "qwen3" or "llama".
        eos_token_ids: the ids of `eos_token_id`, which may be one id or a list.
        labels: what a classifier (``*ForSequenceClassification``) tells apart; else empty.
    """

    family: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling | None
    tie_word_embeddings: bool
    initializer_range: float = 0.02
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()
    pad_token_id: int | None = None
    labels: tuple[str, ...] = ()

    @property
    def traits(self) -> Family:
        """What the family's blocks have that others lack."""
        return FAMILIES[self.family]

    @classmethod
    def from_dict(cls, config: Mapping[str, Any], where: object = "config.json") -> "ModelConfig":
        """Read the contents of a `config.json`.

        Args:
            config: the parsed file; both the older form (`rope_theta`, `rope_scaling`) and
                transformers 5's (`rope_parameters`) are read.
            where: what an error names, usually the file's path.

        Raises:
            LeitaiError: another `model_type`, a field that changes the arithmetic in a way that is
                not supported, an unknown field, a missing or senseless value.
        """
        if not isinstance(config, Mapping):
            raise LeitaiError("expected a JSON object", where=where, remedy=_REMEDY)
        family = FAMILIES.get(str(config.get("model_type")))
        if family is None:
            raise LeitaiError(
                f"model_type {config.get('model_type')!r} is not supported "
                f"(supported: {', '.join(FAMILIES)})",
                where=where,
                remedy=_REMEDY,
            )
        fields = Fields(config, family.defaults, where)
        _refuse_other_arithmetic(fields, family)
        heads = fields.size("num_attention_heads", _LIMITS)
        hidden = fields.size("hidden_size", _LIMITS)
        if not fields.given("head_dim") and "head_dim" not in family.defaults and hidden % heads:
            raise fields.error(
                "hidden_size", f"{hidden} is not a multiple of num_attention_heads = {heads}"
            )
        theta, scaling = _read_rope(fields, family)
        layers = fields.size("num_hidden_layers", _LIMITS)
        _refuse_sliding_window(fields, layers)
        result = cls(
            family=family.name,
            vocab_size=fields.size("vocab_size", _LIMITS),
            hidden_size=hidden,
            intermediate_size=fields.size("intermediate_size", _LIMITS),
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=fields.size("num_key_value_heads", _LIMITS, default=heads),
            head_dim=fields.size("head_dim", _LIMITS, default=hidden // heads),
            max_position_embeddings=fields.size("max_position_embeddings", _LIMITS),
            rms_norm_eps=fields.number("rms_norm_eps", above=0.0, below=1.0),
            rope_theta=theta,
            rope_scaling=scaling,
            tie_word_embeddings=fields.flag("tie_word_embeddings"),
            initializer_range=fields.number("initializer_range", above=0.0, below=10.0),
            bos_token_id=next(iter(fields.ids("bos_token_id")), None),
            eos_token_ids=fields.ids("eos_token_id"),
            pad_token_id=next(iter(fields.ids("pad_token_id")), None),
            labels=_read_labels(fields),
        )
        if heads % result.num_key_value_heads:
            raise fields.error(
                "num_key_value_heads",
                f"num_attention_heads = {heads} is not a multiple of {result.num_key_value_heads}",
            )
        if result.head_dim % 2:
            raise fields.error("head_dim", f"{result.head_dim} is odd; rotation needs pairs")
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of a `config.json` that transformers 4 and 5 read alike."""
        eos = self.eos_token_ids
        config: dict[str, Any] = {
            "architectures": [self.traits.architecture],
            "model_type": self.family,
            "hidden_act": "silu",
            "use_cache": True,
            "attention_dropout": 0.0,
            "eos_token_id": None if not eos else eos[0] if len(eos) == 1 else list(eos),
        }
        if self.labels:
            # transformers finds a row's last token by the padding id
            config["architectures"] = [self.traits.architecture.replace(LANGUAGE_MODEL, CLASSIFIER)]
            config["id2label"] = {str(number): label for number, label in enumerate(self.labels)}
            config["label2id"] = {label: number for number, label in enumerate(self.labels)}
        for name in (
            *_LIMITS,
            *("rms_norm_eps", "rope_theta", "tie_word_embeddings", "initializer_range"),
            *("bos_token_id", "pad_token_id"),
        ):
            config[name] = getattr(self, name)
        if not self.traits.explicit_head_dim and self.head_dim * self.num_attention_heads == (
            self.hidden_size
        ):
            del config["head_dim"]
        config["rope_scaling"] = None
        if self.rope_scaling is not None:
            scaling = {name: getattr(self.rope_scaling, name) for name in _ROPE_FIELDS}
            original = self.rope_scaling.original_max_position_embeddings
            config["rope_scaling"] = scaling | {
                "rope_type": "llama3",
                "original_max_position_embeddings": original,
            }
        return config


def _read_labels(fields: Fields) -> tuple[str, ...]:
    """Read the labels of a classifier; other architectures have none, whatever the file lists."""
    names = fields.values.get("architectures") or []
    if not any(str(name).endswith(CLASSIFIER) for name in names):
        return ()
    if fields.values.get("problem_type") not in (None, "single_label_classification"):
        raise fields.error("problem_type", "only single_label_classification is supported")
    if not fields.given("id2label"):
        return tuple(f"LABEL_{number}" for number in range(2))  # transformers' default
    table = fields.part("id2label").values
    try:
        return tuple(str(table[str(number)]) for number in range(len(table)))
    except KeyError as error:
        raise fields.error("id2label", f"no label for {error}") from error


def _refuse_other_arithmetic(fields: Fields, family: Family) -> None:
    understood = _OWN_FIELDS | IGNORED_FIELDS | (WINDOW_FIELDS if family.sliding_window else set())
    for name, value in fields.values.items():
        if name in NEUTRAL_FIELDS:
            if value is not None and value not in NEUTRAL_FIELDS[name]:
                raise fields.error(name, f"{value!r} is not supported in a {family.name} model")
        elif name not in understood and value not in (None, False, "", {}, []):
            raise LeitaiError(
                f"{value!r} in the unknown field {name!r}, which may change the arithmetic",
                where=f"{fields.where}, {name}",
                remedy="use another checkpoint, or remove the field if it does not matter",
            )


def _refuse_sliding_window(fields: Fields, layers: int) -> None:
    """Accept the fields of windowed attention where no layer uses it."""
    kinds = fields.values.get("layer_types")
    if kinds is not None:
        if kinds != ["full_attention"] * layers:
            raise fields.error("layer_types", f"expected {layers} times 'full_attention'")
    elif fields.values.get("use_sliding_window"):
        raise fields.error("use_sliding_window", "sliding-window attention is not supported")


def _read_rope(fields: Fields, family: Family) -> tuple[float, RopeScaling | None]:
    """Read `rope_theta` and `rope_scaling`, or transformers 5's `rope_parameters`, or both."""
    sources = [name for name in ("rope_scaling", "rope_parameters") if fields.given(name)]
    theta = fields.number("rope_theta", above=1.0, below=1e12)
    found: list[tuple[float, RopeScaling | None]] = []
    known = {
        *("rope_type", "type", "rope_theta", "original_max_position_embeddings"),
        *("partial_rotary_factor", *_ROPE_FIELDS),
    }
    for name in sources:
        part = fields.part(name)
        kind = part.values.get("rope_type") or part.values.get("type") or "default"
        if kind not in family.rope_types:
            raise fields.error(
                name,
                f"rope_type {kind!r} is not supported in a {family.name} model "
                f"(supported: {', '.join(family.rope_types)})",
            )
        if (part.values.get("partial_rotary_factor") or 1) != 1:
            raise part.error("partial_rotary_factor", "only 1 is supported")
        if unknown := sorted(key for key in part.values if key not in known and part.given(key)):
            raise part.error(unknown[0], "unknown field, which may change the arithmetic")
        base = part.number("rope_theta", above=1.0, below=1e12, default=theta)
        if kind == "default":
            found.append((base, None))
            continue
        numbers = {key: part.number(key, above=0.0, below=1e9) for key in _ROPE_FIELDS}
        original = part.size(
            "original_max_position_embeddings",
            {"original_max_position_embeddings": _LIMITS["max_position_embeddings"]},
        )
        if numbers["high_freq_factor"] <= numbers["low_freq_factor"]:
            raise part.error("high_freq_factor", "must be greater than low_freq_factor")
        found.append((base, RopeScaling(**numbers, original_max_position_embeddings=original)))
    if not found:
        return theta, None
    if any(item != found[0] for item in found) or (
        fields.given("rope_theta") and found[0][0] != theta
    ):
        raise fields.error(sources[-1], "disagrees with rope_theta or rope_scaling")
    return found[0]
