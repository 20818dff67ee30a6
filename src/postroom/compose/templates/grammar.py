"""What of Jinja's language a template may use, and the same template with a meter at everything that can go on long.

A loop is paid for before it begins: its length times the parts of its body. Jinja's own constructs that make or compare
texts become filters, because only a filter is told the context in which the meter stands.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes
from jinja2.meta import find_undeclared_variables
from jinja2.visitor import NodeTransformer

from postroom.compose.templates.jinja import COMPARE, CONCAT, EACH, FILTERS, TESTS
from postroom.sentence import N_, Sentence

__all__ = ["Unallowed", "restricted"]

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Keyword,
)
_CALLED: dict[str, str] = {
    "Call": N_("Functions can't be called in templates."),
    "Slice": N_("Parts of lists and texts can't be cut out; there is |truncate."),
    "Pow": N_("Powers can't be worked out in templates."),
    "Include": N_("A template can't include others; a layout is the frame around them."),
    "Extends": N_("A template can't extend others; a layout is the frame around it."),
    "Block": N_("Blocks are not used here; a layout has {{ content }}."),
    "Macro": N_("Macros can't be made in templates."),
    "With": N_("There is {% set … %} instead of {% with %}."),
}
_TAKE_OUT = N_("Take it out.")
_DEEPEST = 40
_MOST = 20_000
_LARGEST = 10**15


class Unallowed(Exception):
    """`problem` is a sentence."""

    def __init__(self, problem: str, line: int, mend: str = _TAKE_OUT) -> None:
        super().__init__(problem)
        self.problem, self.line, self.mend = problem, line, mend


def restricted(tree: nodes.Template) -> tuple[nodes.Template, frozenset[str]]:
    """The metered template, and the names of the variables it wants. Raises Unallowed."""
    for count, (node, depth) in enumerate(_walk(tree), 1):
        if count > _MOST or depth > _DEEPEST:
            raise Unallowed("It is too long or nested too deeply.", node.lineno or 0, "Make it simpler.")
        _check(node)
    names = frozenset(find_undeclared_variables(tree))
    metered: nodes.Template = _Metering().visit(tree)
    return metered, names


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    left = [(tree, 0)]
    while left:
        node, depth = left.pop()
        yield node, depth
        left += [(child, depth + 1) for child in node.iter_child_nodes()]


def _check(node: nodes.Node) -> None:
    line = node.lineno or 0
    if not isinstance(node, _ALLOWED):
        word = type(node).__name__
        raise Unallowed(
            _CALLED.get(word) or Sentence("It uses something that templates here don't have ({word}).", word=word), line
        )
    if isinstance(node, nodes.Name) and node.name.startswith("_"):
        raise Unallowed("No variable begins with an underscore.", line, "Call it otherwise.")
    if isinstance(node, nodes.For):
        _check_loop(node, line)
    elif isinstance(node, nodes.Assign) and not isinstance(node.target, nodes.Name):
        raise Unallowed("{% set %} sets one name.", line, "Use one {% set %} for each.")
    elif isinstance(node, nodes.Compare) and len(node.ops) != 1:
        raise Unallowed("It compares more than two values at once.", line, "Write `a < b and b < c`.")
    elif isinstance(node, nodes.Const):
        value = node.value
        if isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            raise Unallowed("It holds a number that is too large.", line)
    elif isinstance(node, nodes.Filter | nodes.Test):
        _check_named(node, line)


def _check_loop(node: nodes.For, line: int) -> None:
    if node.recursive:
        raise Unallowed("A loop can't call itself.", line)
    if not isinstance(node.target, nodes.Name) or node.target.name == "loop":
        raise Unallowed("A loop has one name for what it goes through.", line, "Write {% for item in items %}.")


def _check_named(node: nodes.Filter | nodes.Test, line: int) -> None:
    known, sort = (FILTERS, "filter") if isinstance(node, nodes.Filter) else (TESTS, "test")
    if node.name not in known or (sort == "test" and node.args):
        shown = node.name if node.name.isidentifier() and len(node.name) < 40 else "?"
        there_are = Sentence("There are: {names}.", names=", ".join(sorted(known)))
        raise Unallowed(Sentence("There is no {sort} {name} here.", sort=sort, name=shown), line, there_are)
    if node.dyn_args is not None or node.dyn_kwargs is not None or node.kwargs:
        raise Unallowed(Sentence("The {sort} {name} takes plain values only.", sort=sort, name=node.name), line)
    if isinstance(node, nodes.Filter) and node.node is None:
        raise Unallowed("A filter belongs to a value.", line)


class _Metering(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  (the visitor's name)
        parts = sum(1 for one in [*node.body, *node.else_] for _ in _walk(one)) + 1
        if node.test is not None:
            parts += sum(1 for _ in _walk(node.test))
        self.generic_visit(node)
        node.iter = _filter(node.iter, EACH, [nodes.Const(parts, lineno=node.lineno)])
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filter(node.nodes[0], CONCAT, [*node.nodes[1:]])

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        [operand] = node.ops
        return _filter(node.expr, COMPARE, [nodes.Const(operand.op, lineno=node.lineno), operand.expr])


def _filter(node: nodes.Node, name: str, args: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(node, name, args, [], None, None, lineno=node.lineno)
