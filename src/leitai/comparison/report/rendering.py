"""What every page has: words in both languages, one style, few scripts and a policy for them."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from leitai.comparison.report.items import safe_json
from leitai.comparison.report.strings import STRINGS
from leitai.comparison.report.svg import mark, tag
from leitai.comparison.wording import Bilingual

STYLES = (
    "colours",
    "frame",
    "verdict",
    "sections",
    "charts",
    "tables",
    "items",
    "notes",
    "several",
    "narrow",
    "print",
    "summary",
)
"""Style sheets in order; later ones refine earlier ones."""

FRAME_WORDS = ("language", "theme", "contents")
"""Keys of the strings that the script of every page writes."""


def render(
    template: str, context: Mapping[str, Any], scripts: Iterable[str], words: Iterable[str]
) -> str:
    """Render one HTML file that needs nothing else, neither network nor server.

    All that comes from data is escaped; the page may run no script but its own two (a content
    security policy with their hashes) and may load nothing at all.

    Args:
        template: a file that extends ``base.html.jinja``.
        context: what the template shows.
        scripts: files that run after the page is read, in order; ``frame.js`` goes first.
        words: keys of the strings that those write.
    """
    early = _part("early.js")
    script = "\n".join(map(_part, ("frame.js", *scripts)))
    style = "\n".join(_part(f"{name}.css") for name in STYLES)
    said = {key: STRINGS[key].as_dict() for key in (*FRAME_WORDS, *words)}
    frame = {
        "early": Markup(early),
        "script": Markup(script),
        "style": Markup(style),
        "words": safe_json(said),
        "policy": (
            f"default-src 'none'; script-src {_hash(early)} {_hash(script)}; "
            f"style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
        ),
    }
    return _environment().get_template(template).render({**context, **frame})


def both(words: Bilingual) -> Markup:
    """Words in both languages, of which the page shows one."""
    if words.en == words.zh:
        return Markup("{}").format(words.en)
    return tag("span", words.en, class_="en", lang="en") + tag(
        "span", words.zh, class_="zh", lang="zh-CN"
    )


def translate(key: str, **parts: Bilingual | str | int) -> Markup:
    """A string of the table, filled in, in both languages."""
    return both(STRINGS[key].format(**parts))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_part), autoescape=True, undefined=StrictUndefined
    )
    environment.globals.update(t=translate, both=both, mark=mark)
    return environment


def _part(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
