"""What every adaptation method answers to; `table.py` lists those that do.

A method is a spec (`method.py`, free of torch) and an implementation (one file a method). Whoever
trains, saves or loads knows these classes alone, never a method by name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from leitai.base import LeitaiError
from leitai.models import Decoder

Spec = TypeVar("Spec")
Tensors = dict[str, Tensor]


class StepHooks:
    """A method's own part in a training step; by default it has none.

    A step is: losses and `penalty`, backward, clipping, the optimiser's update, `after_update`,
    gradients dropped. What a hook remembers between steps is in `state`, so that a resumed run goes
    on with the same bits.
    """

    def penalty(self) -> Tensor | None:
        """Return what is added to the step's mean loss, once a step, or None."""
        return None

    def after_update(self, step: int) -> None:
        """Look at the gradients, which are still there, and change the new weights if need be.

        Args:
            step: updates done, this one included.
        """

    def state(self) -> Tensors:
        """Return the memory by name, for a checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned, bit by bit."""


class Implementation(ABC, Generic[Spec]):
    """A method at work on a decoder.

    Attributes:
        is_adapter: whether the base's weights stay as they are and the method's own numbers are
            saved beside them; else the run leaves a whole model.
    """

    is_adapter = False

    @abstractmethod
    def put(self, decoder: Decoder, spec: Spec, seed: int) -> None:
        """Prepare a decoder, all of whose parameters are frozen: afterwards `requires_grad` says
        what is trained.

        It works on the meta device too, which is how parameters are counted without memory. What is
        drawn at random comes from `seed` alone, on the CPU, and touches no global generator. New
        numbers are float32, whatever the base's dtype.

        Raises:
            LeitaiError: the spec does not fit the model.
        """

    def hooks(self, decoder: Decoder, spec: Spec, total: int) -> StepHooks:
        """Return the method's part in a training run of `total` steps."""
        return StepHooks()


class AdapterImplementation(Implementation[Spec]):
    """A method whose numbers are kept apart from the base's, in PEFT's file format.

    Attributes:
        switchable: whether all that it does is to put layers in the place of linear layers, so that
            it can be one of several (`several.py`). Such a layer says whether it is `additive`, and
            then has `update(x)`, what it adds to the base's output.
    """

    is_adapter = True
    switchable = False

    @abstractmethod
    def holds(self, decoder: Decoder) -> bool:
        """Whether the decoder carries an adapter of this method."""

    @abstractmethod
    def reads(self, config: Mapping[str, Any]) -> bool:
        """Whether an `adapter_config.json` is one of this method's."""

    @abstractmethod
    def to_peft(self, decoder: Decoder) -> tuple[dict[str, Any], Tensors]:
        """Return PEFT's config and tensors of the decoder's adapter.

        `save_adapter` adds the config's common fields (task type, base, inference mode). Tensor
        names are those in PEFT's file, such as "base_model.model....lora_A.weight".

        Raises:
            LeitaiError: the adapter has something that PEFT's format cannot say.
        """

    @abstractmethod
    def from_peft(
        self, decoder: Decoder, config: Mapping[str, Any], tensors: Tensors, folder: Path
    ) -> None:
        """Put a saved adapter on a plain decoder; checks everything before it changes anything.

        Args:
            decoder: changed in place.
            config: one that `reads` accepts.
            tensors: by the names in the file.
            folder: for messages.

        Raises:
            LeitaiError: the config has a feature that is lacking (refused by the field's name), or
                the tensors do not fit the config or the model.
        """

    def merge(self, decoder: Decoder) -> None:
        """Add the adapter to the base's weights, in place, and remove it.

        Raises:
            LeitaiError: no weights of the base can express this method (the default).
        """
        raise LeitaiError(
            "this adapter cannot be merged: it is no change of the base's weights",
            remedy="keep it beside its base",
        )
