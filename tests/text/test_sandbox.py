"""Templates are programs of strangers: none reaches out, none runs or grows for ever."""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitai.base import LeitaiError
from leitai.text.budget import Budget, LimitError, Limits, spending, weigh
from leitai.text.template import DEFAULT_DATE, SOURCE_LIMIT, ChatTemplate, format_date, read_date

MESSAGES = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]


def render(source, messages=MESSAGES, **options):
    defaults = {"tools": None, "date": DEFAULT_DATE, "generation_prompt": False, "variables": {}}
    return ChatTemplate(source, "t.jinja").render(messages, **(defaults | options))


DOUBLE = "{% set ns = namespace(s='xxxxxxxxxxxxxxxxxxxx') %}{% for i in range(60) %}"
ENDLESS = {
    "loops": "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
    "silent loops": "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "filtered loops": "{% for i in range(9999) %}{% for j in range(9999) if 0 %}{% endfor %}"
    "{% endfor %}",
    "character loops": "{% set s = 'x' * 9999 %}{% for a in s %}{% for b in s %}{% for c in s %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "comparison": "{% set ns = namespace(s='x', t='x') %}{% for i in range(60) %}"
    "{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
    "range": "{{ range(10 ** 9) | list }}",
    "recursive loop": "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "macro": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "binary macro": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}"
    "{% endmacro %}{{ f(60) }}",
    "call": "{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}"
    "{% for i in range(99999) %}{% call f() %}{% call f() %}x{% endcall %}{% endcall %}"
    "{% endfor %}",
    "concatenation": DOUBLE + "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "addition": DOUBLE + "{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "capture": DOUBLE + "{% set t %}{{ ns.s }}{{ ns.s }}{% endset %}{% set ns.s = t %}{% endfor %}",
    "replacement": DOUBLE + "{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}",
    "replace filter": DOUBLE + "{% set ns.s = ns.s | replace('x', 'xx') %}{% endfor %}",
    "join": DOUBLE + "{% set ns.s = ns.s.join([ns.s, ns.s]) %}{% endfor %}",
    "join filter": DOUBLE + "{% set ns.s = [ns.s, ns.s] | join(ns.s) %}{% endfor %}",
    "format": DOUBLE + "{% set ns.s = '{0}{0}'.format(ns.s) %}{% endfor %}",
    "percent": DOUBLE + "{% set ns.s = '%s%s' % (ns.s, ns.s) %}{% endfor %}",
    "format filter": DOUBLE + "{% set ns.s = '%s%s' | format(ns.s, ns.s) %}{% endfor %}",
    "lists": DOUBLE + "{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "tuples": DOUBLE + "{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ ns.s | tojson }}",
    "dictionaries": DOUBLE + "{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}",
    "dict function": DOUBLE + "{% set ns.s = dict(a=ns.s, b=ns.s) %}{% endfor %}",
    "namespaces": DOUBLE
    + "{% set ns.s = namespace(a=ns.s, b=ns.s) %}{% endfor %}{{ ns.s|string }}",
    "list sums": "{{ range(9999) | batch(1) | list | sum(start=[]) }}",
    "slices": DOUBLE + "{% set ns.s = ns.s ~ ns.s[1:] %}{% endfor %}",
    "repetition": "{{ 'x' * 10 ** 10 }}",
    "list repetition": "{{ [0] * 10 ** 10 }}",
    "reversed repetition": "{{ 10 ** 10 * 'x' }}",
    "powers": "{{ 7 ** 77777777 }}",
    "chained powers": "{% set ns = namespace(n=9) %}{% for i in range(99) %}"
    "{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "center": "{{ 'x' | center(10 ** 9) }}",
    "mapped center": "{{ ['x'] | map('center', 10 ** 9) | join }}",
    "ljust": "{{ 'x'.ljust(10 ** 9) }}",
    "zfill": "{{ 'x'.zfill(10 ** 9) }}",
    "percent width": "{{ '%1000000000d' % 1 }}",
    "percent star": "{{ '%*d' % (10 ** 9, 1) }}",
    "format width": "{{ '{:>1000000000}'.format(1) }}",
    "nested format width": "{{ '{:{w}}'.format(1, w=10 ** 9) }}",
    "indent": "{{ 'x' | indent(10 ** 9, first=true) }}",
    "json indent": "{{ [1] | tojson(indent=10 ** 9) }}",
    "round": "{{ 1.5 | round(10 ** 9) }}",
    "batch": "{{ [1] | batch(10 ** 9, 'x') | list }}",
    "slice filter": "{{ [1] | slice(10 ** 9) | list }}",
    "dates": "{{ strftime_now('%100000000d') }}",
    "nesting": "{{ " + "[" * 2000 + "]" * 2000 + " }}",
    "sum": "{{ 1" + " + 1" * 20_000 + " }}",
    "size": "{# " + "x" * SOURCE_LIMIT + " #}",
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS.keys())
def test_templates_without_end_end(source):
    start = time.perf_counter()
    with pytest.raises(LeitaiError, match=r"^t\.jinja: ") as caught:
        render(source)
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - start < 20  # seconds, on a busy machine; ten are the limit


@pytest.mark.parametrize("name", ["concatenation", "capture", "replacement", "join", "lists"])
def test_growing_templates_stay_small(name):
    tracemalloc.start()
    try:
        with pytest.raises(LeitaiError):
            render(ENDLESS[name])
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ messages.__class__ }}",
    "{{ messages | map(attribute='__class__') | list }}",
    "{{ messages | selectattr('__class__') | list }}",
    "{{ messages | sort(attribute='__class__') }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ '{0[__class__]}'.format(messages) }}",
    "{{ ''.format.__globals__ }}",
    "{{ ''.format_map({'a': 1}) }}",
    "{{ 'x'.encode('utf-8') }}",
    "{{ range.__init__ }}",
    "{{ dict.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ strftime_now.__globals__ }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{% for m in messages %}{{ loop.__class__ }}{% endfor %}",
    "{% macro f() %}{% endmacro %}{{ f._environment }}",
    "{% macro f() %}{% endmacro %}{{ f.__init__.__globals__ }}",
    "{{ messages.append(1) }}",
    "{{ messages.clear() }}",
    "{{ messages[0].update({'role': 'x'}) }}",
    "{{ messages[0].pop('role') }}",
    "{{ messages | attr('append') }}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}",
    "{% from '/etc/passwd' import x %}",
    "{% extends '/etc/passwd' %}",
    "{{ lipsum.__globals__ }}",
    "{{ lipsum(5) }}",
    "{{ namespace }}",
    "{{ namespace(a=1) }}",
    "{{ messages | random }}",
    "{{ missing.field }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_templates_reach_nothing(source):
    with pytest.raises(LeitaiError, match=r"^t\.jinja: ") as caught:
        render(source)
    assert "\n" not in str(caught.value)


def test_time_is_limited():
    template = ChatTemplate(
        "{% for i in range(90000) %}{{ i * i }}{% endfor %}", "t", Limits(seconds=0.01)
    )
    with pytest.raises(LeitaiError, match=r"does not end within 0\.01 seconds"):
        template.render(
            MESSAGES, tools=None, date=DEFAULT_DATE, generation_prompt=False, variables={}
        )


def test_limits_grow_with_the_conversation():
    long = [{"role": "user", "content": "多长都行 " * 200_000}] * 3
    template = "{% for m in messages %}{{ '<' ~ (m.content | trim) + '>' }}{% endfor %}"
    assert len(render(template, long)) == 3 * (1_000_000 + 1)


def test_the_language_that_templates_use_works():
    source = """
{%- macro greet(name, mark='!') -%}{{ name | trim | title ~ mark }}{%- endmacro -%}
{%- set ns = namespace(n=0, seen=[]) -%}
{%- for m in messages if m.role != 'system' -%}
  {%- if loop.first -%}{{ greet(' ann ') }}{%- endif -%}
  {%- set ns.n = ns.n + loop.index -%}
  {%- set ns.seen = ns.seen + [m.role] -%}
  {%- if loop.last %}|{{ loop.length }}|{{ loop.previtem.role }}{% endif -%}
  {%- if not loop.last %}{% continue %}{% endif -%}
  {%- break -%}
{%- endfor -%}
|{{ ns.n }}|{{ ns.seen | join(',') }}|{{ messages[::-1][0].content }}|{{ messages | length }}
|{{ messages[0] | items | list | first | join('=') }}|{{ 'a,b'.split(',')[-1] }}
|{{ '%s-%d' % ('x', 3) }}|{{ '{} {x}'.format(1, x='y') }}|{{ 'q' * 3 }}|{{ 7 % 4 }}|{{ 2 ** 5 }}
|{{ {'b': [1, '啊<'], 'a': none} | tojson }}
|{% generation %}{{ messages | map(attribute='role') | unique | sort | list }}{% endgeneration %}
|{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join }}
|{{ undefined_thing is defined }}|{{ 'ab' in 'cabd' }}|{{ 'x' if none else 'y' }}
|{{ 3 | string + '4' }}
|{%- filter upper %}done{% endfilter -%}|{{ strftime_now('%Y-%m-%d') }}|{{ date_string }}"""
    assert render(source).replace("\n", "") == (
        "Ann!|2|user|3|user,assistant|hi|2|role=user|b|x-3|1 y|qqq|3|32"
        '|{"b": [1, "啊<"], "a": null}|[\'assistant\', \'user\']|hello|False|True|y|34'
        "|DONE|2024-07-26|26 Jul 2024"
    )


@settings(max_examples=60, deadline=None)
@given(
    source=st.lists(
        st.sampled_from(
            [
                *("{{", "}}", "{%", "%}", "for", "in", "if", "endif", "endfor", "messages", "x"),
                *("|", "(", ")", "[", "]", "join", "tojson", ".", "~", "+", "*", "set", "="),
                *("macro", "endmacro", "'a'", "9", "**", "loop", ":", ",", "namespace", "range"),
            ]
        ),
        max_size=20,
    ).map(" ".join)
)
def test_any_source_renders_or_gives_one_line(source):
    try:
        assert isinstance(render(source), str)
    except LeitaiError as error:
        assert "\n" not in str(error)


def test_a_template_may_refuse_a_conversation():
    with pytest.raises(LeitaiError, match=r"refuses this conversation \(no systems\)"):
        render("{{ raise_exception('no systems') }}")


def test_syntax_errors_and_failures_are_one_line():
    for source in ("{% for %}", "{{ messages[0].content + 1 }}", "{{ x.y.z }}", "{{ 'a' | nope }}"):
        with pytest.raises(LeitaiError, match=r"^t\.jinja: the chat template") as caught:
            render(source)
        assert "\n" not in str(caught.value)


def test_dates():
    assert read_date(None) == DEFAULT_DATE == read_date("26 Jul 2024") == read_date("2024-07-26")
    assert format_date(DEFAULT_DATE, "%A %d %B %Y, %a %b %H:%M 100%%") == (
        "Friday 26 July 2024, Fri Jul 00:00 100%"
    )
    for wrong in ("31 Feb 2024", "26 July 2024", "2024-13-01", ""):
        with pytest.raises(LeitaiError, match="is no date"):
            read_date(wrong)


def test_weigh_counts_shared_parts_each_time_and_stops_early():
    value = "x" * 9
    for _ in range(40):
        value = [value, value]
    with pytest.raises(LimitError):
        weigh(value, 10_000)
    assert weigh(["ab", {"c": None}], 100) == weigh([{"c": None}, "ab"], 100)


def test_budgets_do_not_mix():
    outer, inner = Budget(Limits(), 0), Budget(Limits(steps=1), 0)
    with spending(outer):
        with spending(inner), pytest.raises(LimitError):
            for _ in range(3):
                inner.step()
        outer.step()
