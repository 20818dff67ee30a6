"""Templates are a language for mail and nothing else: what is hostile is refused or stopped, and says so."""

import pytest

from postroom.compose.templates.meter import LONGEST
from postroom.compose.templates.sandbox import Unfit, compiled, run


def html(source, **values):
    return run(source, values, markup=True)


def text(source, **values):
    return run(source, values, markup=False)


def test_what_mail_needs_is_there():
    source = (
        "{% for one in items if one.price > 1 %}{{ loop.index }}. {{ one.name|upper }}: "
        "{{ one.price|money('EUR') }}\n{% else %}nothing{% endfor %}"
    )
    items = [{"name": "a", "price": 2.5}, {"name": "b", "price": 1}, {"name": "c", "price": 3}]
    assert text(source, items=items, language="en") == "1. A: €2.50\n2. C: €3.00\n"
    assert text(source, items=[], language="en") == "nothing"
    assert text("{% set whole = a ~ ' ' ~ b %}{{ whole }} {{ n * 2 + 1 }}", a="x", b="y", n=3) == "x y 7"
    assert text("{{ 'yes' if a == 'x' and not b in ['y'] else 'no' }}", a="x", b="z") == "yes"
    assert text("{{ note|default('none') }}{% if note %}!{% endif %}", note=None) == "none"


def test_html_is_escaped_and_plain_text_is_not():
    assert html("<p>{{ name }}</p>", name="<script>&\"'") == "<p>&lt;script&gt;&amp;&#34;&#39;</p>"
    assert html("{{ a ~ '<b>' }}{{ a|upper }}{{ [a, a]|join('<') }}", a="<i>").count("<") == 0
    assert html("{{ a|lines }}", a="<i>\nb") == "&lt;i&gt;<br>\nb"
    assert text("{{ name }}", name="<b>") == "<b>"


def test_numbers_days_and_money_are_written_as_the_language_has_them():
    from datetime import UTC, date, datetime

    values = {"day": date(2026, 11, 20), "at": datetime(2026, 11, 20, 14, 30, tzinfo=UTC), "n": 1234.5}
    source = "{{ day }}|{{ at|date('short') }}|{{ at|time }}|{{ n|number }}|{{ n|money('EUR') }}"
    german = text(source, language="de", **values).replace("\xa0", " ")
    assert german == "20. November 2026|20.11.26|14:30|1.234,5|1.234,50 €"
    assert text("{{ n|number }}", language="de-AT", n=1234.5) != "1,234.5"
    assert text("{{ n|number }}", language="xx-YY", n=1234.5) == "1,234.5"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ name }}", "name"),
        ("{% if a %}{% endif %}{{ a.b }}", "b"),
        ("{{ a['c'] }}", "c"),
        ("{{ name ~ 'x' }}", "name"),
        ("{{ name|upper }}", "name"),
        ("{% if name == 'x' %}{% endif %}", "name"),
        ("{% for one in name %}{% endfor %}", "name"),
    ],
)
def test_what_is_not_there_is_named_and_never_left_empty(source, named):
    with pytest.raises(Unfit, match=f"line 1: there is no “{named}”"):
        text(source, a={"x": 1})


def test_values_that_no_letter_can_show_are_refused():
    for value in (None, True, [1], {"a": 1}):
        with pytest.raises(Unfit, match="line 2"):
            text("x\n{{ value }}", value=value)


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''.__class__ }}",
    "{{ x['__class__'] }}",
    "{{ x|attr('__class__') }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ config }}{{ lipsum.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner() }}{{ namespace() }}{{ range(3) }}{{ dict(a=1) }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ '%s'|format(x) }}",
    "{{ x|map(attribute='__class__')|list }}",
    "{{ x.items() }}",
    "{{ x.items }}",
    "{{ loop.__class__ }}",
    "{% for a in [1] %}{{ loop.__init__ }}{% endfor %}",
    "{% for a in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for a in [1] %}{{ loop.changed }}{% endfor %}",
    "{% for a in [1] %}{{ loop }}{% endfor %}",
    "{% for a in [1] %}{{ loop(a) }}{% endfor %}",
    "{{ the meter }}",
    "{{ _meter }}{{ __builtins__ }}",
    "{{ [].append(1) }}",
    "{{ (x).get('a') }}",
    "{% import 'os' as os %}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% block a %}{% endblock %}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% call a() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% autoescape false %}{{ x }}{% endautoescape %}",
    "{{ x|safe }}",
    "{{ x|tojson }}",
    "{% set x.a = 1 %}",
    "{% set ns.a = 1 %}",
    "{% set a %}{{ x }}{% endset %}",
    "{% with a = 1 %}{% endwith %}",
    "{% do x %}",
    "{% debug %}",
    "{{ caller() }}{{ varargs }}{{ kwargs }}{{ super() }}",
    "{{ x|default('a', *x) }}",
    "{{ 'a'|replace(old='a', new='b') }}",
    "{{ x is callable }}",
    "{{ x is sameas x }}",
    "{{ x is filter }}",
    "{{ 'joined to' | joined to('a') }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_no_road_leads_out_of_a_template(source):
    with pytest.raises(Unfit):
        text(source, x={"a": "b"}, a="a")


BOMBS = [
    "{{ 'a' * 1000000000 }}",
    "{{ [0] * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 999999999999999 * 999999999999999 }}",
    "{{ " + "9" * 5000 + " }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 'a'|center(1000000000) }}",
    "{{ 'a'|indent(1000000000) }}",
    "{{ x|replace('', x)|replace('', x)|replace('', x)|replace('', x) }}",
    "{% set a = x %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "{% for a in items %}" * 4 + "x" + "{% endfor %}" * 4,
    "{% for a in items %}" * 3 + "{{ x|upper }}" + "{% endfor %}" * 3,
    "{% for a in items %}{% if x == y %}{% endif %}{% if x in items %}{% endif %}{% endfor %}" * 200,
    "{% for a in items %}" + "long words " * 4000 + "{% endfor %}",
    "{% for a in items %}{{ items|join(x) }}{% endfor %}",
    "{{ items|join(x)|upper ~ items|join(x)|upper }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "-" * 20000 + "1 }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{{ " + "1+" * 10000 + "1 }}",
    "{{ " + "1 if 1 else " * 2000 + "1 }}",
    "{{ " + "[" * 2000 + "]" * 2000 + " }}",
    "{% if x %}" * 2000 + "{% endif %}" * 2000,
    "{{ x }}" * 30000,
    "{{" * 100_000,
    "{#" * 100_000,
    "{% raw %}" + "{{" * 90_000 + "{% endraw %}",
    "{{ '" + "a" * 190_000 + "' }}",
    "a" * 1_000_000,
    "{{ x." + "a." * 9000 + "a }}",
    "{{ x" + "|upper" * 4000 + " }}",
]


@pytest.mark.parametrize("source", BOMBS, ids=range(len(BOMBS)))
def test_no_template_goes_on_for_long_or_takes_much_memory(source):
    """One that did would run into the end of all tests."""
    with pytest.raises(Unfit):
        text(source, x="y" * 1000, y="y" * 1000, items=["z"] * 1000)


def test_output_ends_where_it_is_too_long():
    assert len(text("{% for a in items %}{{ x }}{% endfor %}", items=[0] * 400, x="y" * 1000)) == 400_000
    with pytest.raises(Unfit, match=f"more than {LONGEST:,}"):
        text("{% for a in items %}{{ x }}{% endfor %}", items=[0] * 501, x="y" * 1000)


def test_what_a_template_wants_is_known_without_running_it():
    source = "{% set a = b %}{% for c in d %}{{ a }}{{ c.e }}{{ loop.index }}{{ f|default(g) }}{% endfor %}"
    assert compiled(source, False).names == {"b", "d", "f", "g"}


def test_lines_are_told_right():
    with pytest.raises(Unfit, match="line 3"):
        compiled("a\nb\n{{ x() }}", True)
    with pytest.raises(Unfit, match="line 2"):
        compiled("a\n{% if %}", True)
    with pytest.raises(Unfit, match="line 4"):
        html("a\n\n{% if x %}\n{{ x.y }}\n{% endif %}", x={"z": 1})
