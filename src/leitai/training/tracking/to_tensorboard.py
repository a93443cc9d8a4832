"""Event files for TensorBoard, by its own writer: neither torch's nor TensorFlow is loaded."""

import time
from collections.abc import Mapping
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from leitai.training.tracking.interface import Run

FOLDER = "tensorboard"


class TensorBoard:
    """A folder of event files; each part of a resumed run adds one."""

    run_id = FOLDER

    def __init__(self, run: Run) -> None:
        """Open a new file, which hides what earlier ones have after the step resumed from."""
        self._writer = EventFileWriter(str(run.folder / FOLDER), flush_secs=10)
        if run.known_as is not None:
            session = SessionLog(status=SessionLog.START)
            self._add(run.step + 1, session_log=session)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        points = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._add(step, summary=Summary(value=points))

    def text(self, step: int, name: str, markdown: str) -> None:
        """Add a text to the Text tab."""
        plugin = SummaryMetadata.PluginData(plugin_name="text")
        value = Summary.Value(
            tag=name,
            metadata=SummaryMetadata(plugin_data=plugin),
            tensor=TensorProto(
                dtype=DT_STRING,
                string_val=[markdown.encode("utf-8", "replace")],
                tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
            ),
        )
        self._add(step, summary=Summary(value=[value]))

    def close(self, finished: bool) -> None:
        """Write what is left."""
        self._writer.close()

    def _add(self, step: int, **what: Any) -> None:
        self._writer.add_event(Event(wall_time=time.time(), step=step, **what))


def start(run: Run) -> TensorBoard:
    """Open the tracker."""
    return TensorBoard(run)
