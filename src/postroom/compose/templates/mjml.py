"""MJML to HTML, once, when a template is saved. Needs the extra `mjml`; a template that is made already does not.

The converter recurses, so how deep its input is nested is looked at first. It includes no other files.
"""

from __future__ import annotations

from html import unescape
from importlib.util import find_spec

from postroom.compose.templates.code import Unclosed, with_code
from postroom.compose.templates.styles import deepest
from postroom.sentence import Sentence

__all__ = ["Unreadable", "html_of"]

_DEEPEST = 50
_LONGEST = 200_000


class Unreadable(Exception):
    """`problem` is the end of a sentence."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.problem, self.mend = problem, mend


def html_of(mjml: str) -> str:
    """Raises Unreadable."""
    if find_spec("mrml") is None:
        raise Unreadable("needs an extra that is not installed.", "Install it: pip install 'postroom[mjml]'")
    if len(mjml) > _LONGEST:
        raise Unreadable(Sentence("is longer than {most:,} characters.", most=_LONGEST), "Shorten it.")
    if deepest(mjml) > _DEEPEST:
        raise Unreadable(Sentence("is nested deeper than {most} levels.", most=_DEEPEST), "Make it simpler.")
    import mrml

    try:
        made = mrml.to_html(mjml)
    except OSError as error:
        why = "".join(char for char in str(error)[:200] if char.isprintable())
        raise Unreadable(
            Sentence("is no MJML: {why}.", why=why), "Write &lt; and &gt; for < and >, also in {% … %}."
        ) from None
    # What is XML's in the source is Jinja's from here on.
    try:
        return with_code(str(made.content), unescape)
    except Unclosed as error:
        raise Unreadable(Sentence("{mark} is not closed.", mark=error.mark), "Close it.") from None
