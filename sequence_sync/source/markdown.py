"""Markdown to HTML for emails. The only user of markdown-it. Pure.

CommonMark, raw HTML passes, and a line break stays a line break. Merge tags and spintax are Saleshandy's, not
Markdown's: they are set aside meanwhile and put back as they were. Knows nothing of files and of YAML.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count

from markdown_it import MarkdownIt

# A whole spintax group is one piece: its bars and its words are Saleshandy's business.
_SET_ASIDE = re.compile(r"\{spin\}.*?\{endspin\}|\{\{[^{}]*\}\}|\{(?:end)?spin\}", re.DOTALL)


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"breaks": True, "html": True})


def html_of(markdown: str) -> str:
    """`markdown` as HTML, without a line break at its end."""
    mark = _free_mark(markdown)
    aside: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        aside.append(found.group())
        return f"{mark}{len(aside) - 1}z"

    html: str = _renderer().render(_SET_ASIDE.sub(put_aside, markdown))
    return re.sub(f"{mark}([0-9]+)z", lambda found: aside[int(found.group(1))], html).rstrip("\n")


def _free_mark(text: str) -> str:
    """A word of letters and digits, so that Markdown leaves it alone in texts and links, that `text` does not hold."""
    return next(mark for number in count() if (mark := f"q{number}tag") not in text)
