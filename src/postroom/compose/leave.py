"""How a mail tells its recipient what he may choose: header fields for his mail program, a line for himself.

`List-Unsubscribe` (RFC 2369, 3.2) with `List-Unsubscribe-Post` (RFC 8058, 3.1): one click, without a page in between.
RFC 8058 wants an https address; with any other, mail programs are only given the page.
"""

from __future__ import annotations

from html import escape

from postroom.compose.footer import Footer

__all__ = ["footer_with_link", "list_headers"]

_SENTENCES = {
    "en": "Choose what you get, and when",
    "de": "Entscheiden Sie, was Sie bekommen und wann",
}


def list_headers(link: str) -> tuple[tuple[str, str], ...]:
    page = ("List-Unsubscribe", f"<{link}>")
    return (page, ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")) if link.startswith("https://") else (page,)


def footer_with_link(footer: Footer | None, link: str, language: str) -> Footer:
    """The footer with the line below it, in both forms."""
    sentence = _SENTENCES.get(language, _SENTENCES["en"])
    text = f"{sentence}: {link}"
    html = f'<p><a href="{escape(link)}">{escape(sentence)}</a></p>'
    if footer is None:
        return Footer(text, html)
    return Footer(f"{footer.as_text()}\n\n{text}".lstrip("\n"), footer.as_html() + html)
