"""Forecasts of memory, operations and time, before anything is fetched or run."""

from leitai.planning.machine import Machine, cached_machine, measured_machine
from leitai.planning.plan import Plan, make_plan
from leitai.planning.prediction import PredictionError, prediction_error
from leitai.planning.shapes import Shape, find_shape
from leitai.planning.tasks import GenerateTask, ScoreTask, Task, TrainTask

__all__ = [
    "GenerateTask",
    "Machine",
    "Plan",
    "PredictionError",
    "ScoreTask",
    "Shape",
    "Task",
    "TrainTask",
    "cached_machine",
    "find_shape",
    "make_plan",
    "measured_machine",
    "prediction_error",
]
