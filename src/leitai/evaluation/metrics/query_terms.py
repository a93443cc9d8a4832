"""How near a query is to a reference where its graph is not at hand."""

import re
from collections import Counter

_IRI = re.compile(r"<([^<>\s]+)>")
_PREFIX = re.compile(r"\bPREFIX\s+([\w-]*):\s*<([^<>\s]*)>", re.IGNORECASE)
_NAME = re.compile(r"(?<![\w?$<:])([A-Za-z][\w-]*|):([\w%-][\w.%-]*[\w%-]|[\w%-])")
_VARIABLE = re.compile(r"[?$](\w+)")

KNOWN_PREFIXES = {
    "wd": "http://www.wikidata.org/entity/",
    "wdt": "http://www.wikidata.org/prop/direct/",
    "p": "http://www.wikidata.org/prop/",
    "ps": "http://www.wikidata.org/prop/statement/",
    "pq": "http://www.wikidata.org/prop/qualifier/",
    "dbo": "http://dbpedia.org/ontology/",
    "dbp": "http://dbpedia.org/property/",
    "dbr": "http://dbpedia.org/resource/",
    "res": "http://dbpedia.org/resource/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
"""Those that Wikidata's and DBpedia's own endpoints predefine."""

_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


def _body(query: str) -> tuple[str, dict[str, str]]:
    prefixes = KNOWN_PREFIXES | dict(_PREFIX.findall(query))
    return _PREFIX.sub(" ", query), prefixes


def query_terms(query: str) -> Counter[str]:
    """Return the entities and relations that a query names, in full, and how often."""
    body, prefixes = _body(query)
    found = Counter(_IRI.findall(body))
    rest = _STRINGS.sub(" ", _IRI.sub(" ", body))
    found.update(
        prefixes[prefix] + name for prefix, name in _NAME.findall(rest) if prefix in prefixes
    )
    found[_TYPE] += len(re.findall(r"(?<=\s)a(?=\s)", rest))
    return +found


def terms_f1(written: str, reference: str) -> float:
    """Return the F1 of the entities and relations that two queries name, from 0 to 1."""
    a, b = query_terms(written), query_terms(reference)
    shared = (a & b).total()
    return 2 * shared / (a.total() + b.total()) if shared else 0.0


def normalised_query(query: str) -> str:
    """Write a query in one form: names in full, variables numbered, spaces and case folded."""
    body, prefixes = _body(query)

    def full(match: re.Match[str]) -> str:
        prefix, name = match[1], match[2]
        return f"<{prefixes[prefix]}{name}>" if prefix in prefixes else match[0]

    parts = re.split(r'(<[^<>\s]+>|"(?:[^"\\]|\\.)*")', body)
    body = "".join(p if i % 2 else _NAME.sub(full, p) for i, p in enumerate(parts))
    numbers: dict[str, str] = {}
    parts = re.split(r'(<[^<>\s]+>|"(?:[^"\\]|\\.)*")', body)
    for place in range(0, len(parts), 2):
        text = _VARIABLE.sub(
            lambda m: f" ?v{numbers.setdefault(m[1], str(len(numbers)))} ", parts[place].upper()
        )
        parts[place] = re.sub(r"\s*\.\s*(?=\})|([{}().;,])", r" \1 ", text)
    return " ".join("".join(f" {part} " for part in parts).split())


def same_query(written: str, reference: str) -> bool:
    """Tell whether two queries are the same but for names of variables, prefixes and spaces."""
    return normalised_query(written) == normalised_query(reference)
