"""MLflow: files in the run folder, or the server that MLFLOW_TRACKING_URI names."""

import os
import time
from collections.abc import Mapping

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from leitai.training.tracking.interface import PROJECT, Run, flat

_HELD = 200  # numbers gathered before they are sent; a request takes 1,000
_PARAMETERS = 100  # a request takes no more
_PARAMETER_LENGTH = 500


class MLflow:
    """One run of the experiment ``leitai``."""

    def __init__(self, run: Run) -> None:
        """Open or resume the run."""
        address = os.environ.get("MLFLOW_TRACKING_URI")
        if not address:
            address = (run.folder / "mlruns").absolute().as_uri()
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3.17 asks for it
        self._client = MlflowClient(tracking_uri=address)
        self._held: list[Metric] = []
        if run.known_as is not None:
            self.run_id = run.known_as
            self._client.update_run(self.run_id, status="RUNNING")
            return
        found = self._client.get_experiment_by_name(PROJECT)
        experiment = found.experiment_id if found else self._client.create_experiment(PROJECT)
        self.run_id = str(self._client.create_run(experiment, run_name=run.name).info.run_id)
        settings = [Param(k, str(v)[:_PARAMETER_LENGTH]) for k, v in flat(run.config).items()]
        self._client.log_batch(self.run_id, params=settings[:_PARAMETERS])

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        now = int(time.time() * 1000)
        self._held += [Metric(name, value, now, step) for name, value in values.items()]
        if len(self._held) >= _HELD:
            self._send()

    def text(self, step: int, name: str, markdown: str) -> None:
        """Keep a text as an artifact."""
        self._send()
        self._client.log_text(self.run_id, markdown, f"{name}/step-{step:08d}.md")

    def close(self, finished: bool) -> None:
        """Write what is left."""
        self._send()
        self._client.set_terminated(self.run_id, "FINISHED" if finished else "KILLED")

    def _send(self) -> None:
        if self._held:
            self._client.log_batch(self.run_id, metrics=self._held)
            self._held = []


def start(run: Run) -> MLflow:
    """Open the tracker."""
    return MLflow(run)
