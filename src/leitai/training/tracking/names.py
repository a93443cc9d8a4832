"""Which trackers there are. Free of torch, for the specs."""

from typing import Literal

TrackerName = Literal["tensorboard", "wandb", "mlflow", "swanlab"]

PACKAGES: dict[TrackerName, tuple[str, str]] = {
    "tensorboard": ("tensorboard", "pip install 'leitai[track]'"),
    "wandb": ("wandb", "pip install 'leitai[wandb]'"),
    "mlflow": ("mlflow", "pip install 'leitai[mlflow]'"),
    "swanlab": ("swanlab", "pip install 'leitai[swanlab]'"),
}
"""What each needs: the module, and the command that brings it."""
