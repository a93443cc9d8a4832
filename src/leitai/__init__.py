"""Leitai 擂台: Qwen or Llama 3, for my task, at what cost, and how sure are we?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from leitai.base.errors import LeitaiError

if TYPE_CHECKING:
    from leitai.inference import LanguageModel

__version__ = "0.1.0"
__all__ = ["LeitaiError", "__version__", "load"]


def load(
    path_or_id: str,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    adapter: str | None = None,
    adapters: Mapping[str, str] | None = None,
) -> "LanguageModel":
    """Load a checkpoint folder or hub id, ready to score, generate, chat and embed.

    Args:
        path_or_id: a local Hugging Face folder, or a hub id such as ``Qwen/Qwen2.5-0.5B-Instruct``.
        dtype: ``float32``, ``bfloat16``, ``float16``, ``int8``, ``int4``, ``nf4`` or
            ``nf4-double``; the weights are converted while loading.
        device: a torch device, ``cpu`` or ``cuda``.
        adapter: a folder with a PEFT adapter to put on the model.
        adapters: folders of several by name, of which each request names one.

    Raises:
        LeitaiError: the files are missing, damaged or of an architecture that Leitai lacks.
    """
    from leitai.inference import LanguageModel

    return LanguageModel.load(
        path_or_id, dtype=dtype, device=device, adapter=adapter, adapters=adapters
    )
