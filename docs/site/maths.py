"""Formulas between dollar signs become MathML, which browsers draw by themselves, without a library."""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert

#: Code, which stays as it is; then a formula of its own, or one in a line.
_PARTS = re.compile(
    r"(```.*?```|`[^`\n]*`)|\$\$(.+?)\$\$|(?<![\\$])\$(?! )([^$\n]+?)(?<! )\$(?!\d)", re.DOTALL
)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """MkDocs calls this with every page's text."""
    if not page.file.src_uri.startswith("notebooks/"):
        return markdown  # the other pages write formulas in plain text

    def drawn(found: re.Match[str]) -> str:
        code, block, line = found.groups()
        if code is not None:
            return str(code)
        formula: str = convert(block or line, display="block" if block else "inline")
        return formula

    return _PARTS.sub(drawn, markdown)
