"""The sandbox that chat templates run in: Jinja without reach, and every step accounted for.

On top of Jinja's own sandbox (no private attributes, no mutation), only listed attributes, filters
and functions exist. The parsed template is edited so that loops, literals, slices and `~` go
through the account of `text/budget.py`; operators, calls and captured blocks do by Jinja's hooks.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.filters import FILTERS
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Cycler, Joiner, Namespace, _PassArg
from jinja2.visitor import NodeTransformer

from leitai.text.budget import LimitError, current, weigh
from leitai.text.limited import (
    FILTER_CHECKS,
    STRING_CHECKS,
    check_format,
    check_operator,
    dump_json,
)

_STRING_METHODS = {
    *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha"),
    *("isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isspace"),
    *("istitle", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix"),
    *("rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith"),
    *("strip", "swapcase", "title", "upper", "format"),
    *STRING_CHECKS,
}

_ATTRIBUTES: dict[type, set[str]] = {
    str: _STRING_METHODS,
    dict: {"get", "items", "keys", "values", "copy"},
    list: {"count", "index", "copy"},
    tuple: {"count", "index"},
    LoopContext: {
        *("index", "index0", "revindex", "revindex0", "first", "last", "length"),
        *("depth", "depth0", "previtem", "nextitem", "cycle", "changed"),
    },
    Cycler: {"next", "reset", "current"},
    Macro: {"name", "arguments"},
}

_FILTERS = (
    *("abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "first"),
    *("float", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list"),
    *("lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round"),
    *("select", "selectattr", "slice", "sort", "string", "sum", "title", "trim", "truncate"),
    *("unique", "upper", "wordcount"),
)

_PLAIN = (str, int, float, bool, type(None), list, tuple, dict, Undefined)

# Names that no template can write, so that templates cannot call the account themselves.
_EACH, _CONCAT, _CHARGE = " each", " concat", " charge"


class _Namespace(Namespace):
    """A namespace that cannot be written out: nested ones would grow unaccounted."""

    def __repr__(self) -> str:
        raise SecurityError("a template cannot write a namespace")


class GenerationBlock(Extension):
    """``{% generation %}`` marks what an assistant wrote: not needed here, so a mere scope."""

    tags = {"generation"}  # noqa: RUF012  (Jinja's own declaration)

    def parse(self, parser: Parser) -> nodes.Node:
        """Read up to ``{% endgeneration %}``."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment: compile with `compile_guarded`, render inside `budget.spending`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[LoopControlExtension, GenerationBlock],
            finalize=_finalize,
            optimized=False,
        )
        self.filters = {name: _guarded(name, FILTERS[name]) for name in _FILTERS}
        self.filters |= {
            "tojson": _guarded("tojson", dump_json),
            _EACH: pass_context(lambda _, value: _each(value)),
            _CONCAT: pass_context(lambda _, parts: _join(parts)),
            _CHARGE: pass_context(lambda _, value: current().charge_value(value)),
        }
        self.globals = {
            "range": _range,
            "dict": _dict,
            "namespace": _Namespace,
            "cycler": Cycler,
            "joiner": Joiner,
            "raise_exception": _raise_exception,
        }

    def compile_guarded(self, source: str) -> Any:
        """Parse, edit and compile a template."""
        tree = self.parse(source)
        return self.template_class.from_code(
            self, self.compile(_Guard(self).visit(tree)), self.make_globals(None)
        )

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join what a block wrote, on account."""
        budget, kept, total = current(), [], 0
        for part in parts:
            total += len(part)
            if total > budget.output_limit:
                raise LimitError(f"writes more than {budget.output_limit:,} characters")
            kept.append(part)
        budget.charge(total)
        return "".join(kept)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow the listed attributes of plain values, and a namespace's own."""
        if not super().is_safe_attribute(obj, attr, value):
            return False
        return type(obj) is _Namespace or attr in _ATTRIBUTES.get(type(obj), ())

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Refuse at once, where Jinja would print nothing."""
        raise SecurityError(f"access to {attribute!r} of a {type(obj).__name__} is not allowed")

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Replace `str.format` by one that cannot reach attributes nor pad without end."""
        if super().wrap_str_format(value) is None:
            return None
        text, name = value.__self__, value.__name__
        if name != "format" or type(text) is not str:
            raise SecurityError(f"access to str.{name} is not allowed")

        def limited_format(*args: Any, **kwargs: Any) -> str:
            check_format(text, (args, kwargs))
            return SandboxedFormatter(self).vformat(text, args, kwargs)

        return limited_format

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute an operator on account."""
        current().step()
        check_operator(operator, left, right)
        return current().charge_value(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a function, macro or method on account."""
        budget = current()
        budget.step()
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str) and __obj.__name__ in STRING_CHECKS:
            STRING_CHECKS[__obj.__name__](owner, args, kwargs)
        if isinstance(__obj, LoopContext) and args:  # `loop(children)` of a recursive loop
            args = (_each(args[0]), *args[1:])
        return budget.charge_value(super().call(__context, __obj, *args, **kwargs))


class _Guard(NodeTransformer):
    """Route loops, literals, slices and `~` through the account; refuse other templates."""

    def __init__(self, environment: Sandbox) -> None:
        self._environment = environment

    def _through(self, node: nodes.Node, name: str) -> nodes.Expr:
        guarded = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
        guarded.set_environment(self._environment)
        return guarded

    def _refuse(self, node: nodes.Node) -> nodes.Node:
        raise SecurityError(f"line {node.lineno}: a chat template cannot load other templates")

    visit_Include = visit_Import = visit_FromImport = visit_Extends = _refuse  # noqa: N815

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = self._through(node.iter, _EACH)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._through(nodes.List(node.nodes, lineno=node.lineno), _CONCAT)

    def _charged(self, node: nodes.Expr) -> nodes.Node:
        self.generic_visit(node)
        return self._through(node, _CHARGE)

    visit_List = visit_Dict = _charged  # noqa: N815

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        return self._charged(node) if node.ctx == "load" else node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        if isinstance(node.arg, nodes.Slice):
            return self._charged(node)
        return self.generic_visit(node)


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Put a filter on account, with its check before and its result's size after."""
    passes = _PassArg.from_obj(function)
    check = FILTER_CHECKS.get(name)

    @pass_context
    def guarded(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget = current()
        budget.step()
        if check is not None:
            check(value, args, kwargs)
        lead = {
            None: (),
            _PassArg.context: (context,),
            _PassArg.eval_context: (context.eval_ctx,),
            _PassArg.environment: (context.environment,),
        }[passes]
        result = function(*lead, value, *args, **kwargs)
        if isinstance(result, Iterator):
            result = list(_each(result))
        return budget.charge_value(result)

    return guarded


@pass_context
def _finalize(_: Context, value: Any) -> Any:
    """Refuse to write what is not data, and charge containers before they are written out."""
    if not isinstance(value, str):
        if not isinstance(value, _PLAIN):
            raise SecurityError(f"a template cannot write a {type(value).__name__}")
        current().charge_value(value)
    return value


def _each(values: Any) -> Iterator[Any]:
    step = current().step
    for value in values:
        step()
        yield value


def _join(parts: list[Any]) -> str:
    budget = current()
    budget.step()
    budget.charge_value(parts)
    return "".join(str(_finalize(None, part)) for part in parts)  # type: ignore[arg-type]


def _range(*args: int) -> range:
    numbers = range(*args)
    current().foresee(len(numbers))
    current().charge(len(numbers))
    return numbers


def _dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)  # the type itself would bring its attributes along


def _raise_exception(message: Any) -> None:
    weigh(message, current().limits.width)
    raise TemplateError(str(message))
