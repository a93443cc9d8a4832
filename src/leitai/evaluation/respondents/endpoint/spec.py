"""How an endpoint is named in a spec: where it is, how fast it may be asked, what it costs."""

import os
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value
from leitai.base.specfile import load_spec, nearest

_OURS = frozenset({"model", "messages", "prompt", "stream", "n", "echo", "logprobs"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Part):
    """What a provider asks, per million tokens."""

    input: float = Field(ge=0, description="per million prompt tokens")
    output: float = Field(ge=0, description="per million written tokens, reasoning included")
    cached_input: float | None = Field(
        default=None, ge=0, description="per million prompt tokens that the provider had cached"
    )
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")


class PriceTable(_Part):
    """A file of prices, so that several specs share one."""

    models: dict[str, Price] = Field(description="by the model's name at the endpoint")


class EndpointSpec(_Part):
    """An OpenAI-compatible server and a model on it.

    The key itself never stands in a spec: `api_key_env` names the environment variable that has it.
    """

    url: str = Field(description="up to and with /v1, such as http://localhost:8000/v1")
    model: str = Field(min_length=1, max_length=300, description="its name at the endpoint")
    api_key_env: str | None = Field(
        default=None, description="the environment variable that holds the key"
    )
    concurrency: int = Field(default=8, ge=1, le=256, description="requests under way at once")
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1, description="prompts and answers")
    timeout: float = Field(default=120, gt=0, le=3600, description="seconds for one answer")
    retries: int = Field(default=6, ge=0, le=20, description="further attempts at one request")
    price: Price | None = None
    price_table: str | None = Field(default=None, description="a YAML file of prices by model")
    temperature: float = Field(default=0, ge=0, le=2)
    seed: int = Field(default=1, ge=0, lt=2**31)
    max_tokens: int | None = Field(
        default=None, ge=1, description="default: twice the characters that an answer may have"
    )
    reasoning_tokens: int = Field(
        default=0, ge=0, description="granted beside the answer's, for models that reason first"
    )
    thinking_as: Literal["chat_template_kwargs", "enable_thinking", "none"] = Field(
        default="chat_template_kwargs",
        description="how this server is told the contender's `thinking`: as vLLM, SGLang and "
        "llama.cpp want it, as DashScope wants it, or not at all",
    )
    stream: bool = Field(
        default=False, description="for servers that let a model reason in streams alone"
    )
    extra: dict[str, JsonValue] = Field(
        default_factory=dict, description="further fields of the request; null takes one out"
    )
    tokenizer: str | None = Field(
        default=None,
        description="a folder or hub id with the model's tokenizer and template; where it is given "
        "and the server returns log-probabilities of prompts, answers are scored by likelihood",
    )
    max_response_bytes: int = Field(default=8 << 20, ge=1 << 10, le=1 << 30)

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        url = url.rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected a URL such as http://localhost:8000/v1")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("no key, user or query in the url; name the key with `api_key_env`")
        if parts.path.endswith(("/chat/completions", "/completions")):
            raise ValueError("end the url before /chat/completions, such as .../v1")
        return url

    @field_validator("api_key_env")
    @classmethod
    def _a_name(cls, name: str | None) -> str | None:
        # A ValueError without the value: who writes the key itself here should not see it printed.
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
            raise ValueError(
                "expected the name of an environment variable such as DASHSCOPE_API_KEY, never the "
                "key itself"
            )
        return name

    @field_validator("extra")
    @classmethod
    def _not_ours(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(_OURS & extra.keys()):
            raise ValueError(f"{', '.join(taken)} cannot be set in `extra`")
        return extra

    @model_validator(mode="after")
    def _one_price(self) -> "EndpointSpec":
        if self.price is not None and self.price_table is not None:
            raise ValueError("give `price` or `price_table`, not both")
        return self

    @property
    def title(self) -> str:
        """The last part of the model's name."""
        return self.model.rstrip("/").rsplit("/", 1)[-1]

    def state(self) -> str:
        """Hash what decides the answers; not how fast they are asked for, nor their price."""
        fields: Any = self.model_dump(
            mode="json",
            include={
                "url",
                "model",
                "temperature",
                "seed",
                "max_tokens",
                "reasoning_tokens",
                "thinking_as",
                "extra",
                "tokenizer",
            },
        )
        return hash_value(fields)

    def find_price(self, base: Path) -> Price | None:
        """Return the price in the spec, or the model's in the price table; `base` for its path.

        Raises:
            LeitaiError: the table cannot be read or lacks the model.
        """
        if self.price_table is None:
            return self.price
        path = base / self.price_table
        models = load_spec(path, PriceTable).models
        if self.model not in models:
            close = nearest(self.model, list(models))
            raise LeitaiError(
                f"no price for '{self.model}'" + (f"; there is '{close}'" if close else ""),
                where=path,
                remedy="add it under `models`",
            )
        return models[self.model]

    def read_key(self) -> str | None:
        """Return the key from the environment.

        Raises:
            LeitaiError: the variable is not set, or cannot stand in a header.
        """
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise LeitaiError(
                f"the environment variable {self.api_key_env} is not set",
                where=self.url,
                remedy=f"set it to the key: export {self.api_key_env}=...",
            )
        if not key.isascii() or not key.isprintable():
            raise LeitaiError(
                f"{self.api_key_env} holds characters that no key has",
                where=self.url,
                remedy="set it to the key alone",
            )
        return key
