"""SPARQL that a contender wrote, run on a small graph under limits of time, memory and results."""

import json
import queue
import re
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType

from leitai.base.errors import LeitaiError

SECONDS = 5.0
ROWS = 1000

_FENCE = re.compile(r"```(?:sparql|sql)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
# a keyword with what must follow it, so that "select" and "ask" in a sentence are none
_BEGIN = re.compile(
    r"\bPREFIX\s+[\w-]*:|\bBASE\s*<|\bSELECT\s*(?:DISTINCT\b|REDUCED\b|[?$(*])|\bASK\s*(?:WHERE\b|\{)",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|<[^<>\s]*>|#[^\n]*'
)
_OUTSIDE = re.compile(r"(?<![?$:\w])(?:SERVICE|LOAD|FROM)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """What a query gave.

    Attributes:
        rows: the results as texts; None where the query failed.
        error: why it failed.
    """

    rows: tuple[tuple[str, ...], ...] | None
    error: str | None = None


def extract_query(written: str) -> str | None:
    """Take the SPARQL out of an answer: the last code block, else from its first keyword on."""
    fenced = _FENCE.findall(written)
    text = fenced[-1] if fenced else written
    begin = _BEGIN.search(text)
    return text[begin.start() :].strip().strip("`").strip() if begin else None


def same_results(a: Found, b: Found) -> bool:
    """Tell whether two queries found the same rows, in any order, each as often.

    The order of columns does not count either: a query may name its variables as it likes.
    """
    if a.rows is None or b.rows is None:
        return False
    bags = [Counter(tuple(sorted(row)) for row in found) for found in (a.rows, b.rows)]
    return bags[0] == bags[1]


class Graph:
    """A graph in a process of its own; use it as a context.

    Args:
        turtle: the triples.
        seconds: that a query may take; beyond them the process is ended and a new one started.
        rows: that a query may give.

    Raises:
        LeitaiError: pyoxigraph is not installed, or the triples cannot be read.
    """

    def __init__(self, turtle: str, *, seconds: float = SECONDS, rows: int = ROWS) -> None:
        if find_spec("pyoxigraph") is None:
            raise LeitaiError(
                "running queries needs pyoxigraph",
                where="graph_query",
                remedy='pip install "leitai[apps]"',
            )
        self._turtle, self._seconds, self._rows = turtle, seconds, rows
        self._start()

    def __enter__(self) -> "Graph":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def run(self, query: str) -> Found:
        """Run a query; one that reaches outside the graph is refused, not run."""
        if _OUTSIDE.search(_QUOTED.sub(" ", query)):
            return Found(None, "reaches outside the graph")
        answer = self._ask({"query": query, "limit": self._rows}, self._seconds)
        if answer is None:
            self._stop()
            self._start()
            return Found(None, f"no answer within {self._seconds:g} s")
        if "error" in answer:
            return Found(None, str(answer["error"]))
        return Found(tuple(tuple(row) for row in answer["rows"]))

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "leitai.evaluation.metrics.graph_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_pump, args=(self._process, self._lines), daemon=True).start()
        if self._ask({"turtle": self._turtle}, 60.0) is None:
            self._stop()
            raise LeitaiError(
                "the graph cannot be read", where="graph_query", remedy="check its Turtle"
            )

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ask(self, value: dict[str, object], seconds: float) -> dict[str, list[list[str]]] | None:
        if self._process.stdin is None:
            return None
        try:
            self._process.stdin.write(json.dumps(value) + "\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=seconds)
        except (queue.Empty, OSError):
            return None
        return json.loads(line) if line else None


def _pump(process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
    """Pass the process's lines on; an empty one says that it has ended."""
    if process.stdout is not None:
        for line in process.stdout:
            lines.put(line)
    lines.put("")
