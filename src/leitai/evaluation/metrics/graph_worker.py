"""The process that runs written queries: started by `graph`, killed when one takes too long.

It reads JSON lines: first the graph in Turtle, then one query a line; it answers each with a line.
"""

import json
import sys
from typing import Any

MEMORY = 2 << 30
"""Bytes of address space: a query whose results grow without end fails instead of the machine."""


def main() -> None:
    """Serve until the input ends."""
    import pyoxigraph

    _limit_memory()
    store = pyoxigraph.Store()
    store.load(json.loads(sys.stdin.readline())["turtle"], pyoxigraph.RdfFormat.TURTLE)
    _say({"triples": len(store)})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            _say({"rows": _rows(store.query(asked["query"]), asked["limit"])})
        except (SyntaxError, ValueError, RuntimeError, OSError, MemoryError) as error:
            _say({"error": f"{type(error).__name__}: {error}"[:300]})


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _rows(results: Any, limit: int) -> list[list[str]]:
    """Return what was found as texts; yes and no as one row.

    Raises:
        ValueError: there are more rows than the limit, or the query builds a graph.
    """
    if hasattr(results, "variables"):
        rows: list[list[str]] = []
        for solution in results:
            if len(rows) == limit:
                raise ValueError(f"more than {limit} results")
            rows.append([getattr(term, "value", "") for term in solution])
        return rows
    if type(results).__name__ == "QueryBoolean":
        return [[str(bool(results)).lower()]]
    raise ValueError("a query that builds a graph, not one that answers")


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
