"""What a comment of a code host may hold, and how a user's text stands in it. Pure; knows nothing of plans.

A user's text stands in a code block, in a code span, or escaped in a `<code>` of a `<summary>`: there no host reads
mentions, references, links or emoji. Each of its lines begins with something of ours, so that none begins with a fence
or with one of GitLab's quick actions, which are looked for in lines before the Markdown is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import NamedTuple

from sequence_sync.render.escape import one_line

LONGEST_LINE = 500  # characters of a line of a list; a cut one ends with an ellipsis
_NAME = re.compile("[A-Za-z0-9_.-]{1,64}")
_CALLING = re.compile("([@#!])(?=[^\\s@#!])")
_JOINER = "\u2060"  # no width, no break
_RUN = re.compile("`+")


class Host(NamedTuple):
    """Where a comment goes. `limit` is in what `size` counts. `html`: it knows `<details>` and hides HTML comments.
    `mermaid`: it draws diagrams. `parts`: a mark that calls somebody gets an invisible sign behind it even in code,
    since nothing is said about whether code is left alone."""

    limit: int
    size: Callable[[str], int]
    html: bool
    mermaid: bool
    parts: bool


def _utf8(text: str) -> int:
    return len(text.encode("utf-8"))


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


# GitHub's message says 65,536 characters; measured: bodies of pull requests 65,536 code points, comments 262,144 bytes.
# So many code points keep to both. GitLab: 1,000,000 characters once, 1,048,576 bytes since. Bitbucket's message says
# less than 32,768, Azure DevOps' no more than 150,000: both in UTF-16 units, as their languages count. A step's summary
# on GitHub: 1 MiB, and a longer one is lost as a whole.
HOSTS: Mapping[str, Host] = MappingProxyType(
    {
        "github": Host(65_536, len, html=True, mermaid=True, parts=False),
        "gitlab": Host(1_000_000, _utf8, html=True, mermaid=True, parts=False),
        "bitbucket": Host(32_767, _utf16, html=False, mermaid=False, parts=True),
        "azure": Host(150_000, _utf16, html=True, mermaid=False, parts=True),
        "github-summary": Host(1_048_576, _utf8, html=True, mermaid=True, parts=False),
    }
)


def marker(kind: str, environment: str, host: Host) -> str:
    """The first line, by which the next run finds the comment that it updates: `<!-- seqsync:plan:production -->`, or
    `[//]: # (seqsync:plan:production)` where HTML comments would be seen. A strange name stands as its hash."""
    plain = _NAME.fullmatch(environment)
    name = environment if plain else hashlib.sha256(environment.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    hides = host.html and not host.parts
    return f"<!-- seqsync:{kind}:{name} -->\n" if hides else f"[//]: # (seqsync:{kind}:{name})\n"


def parted(text: str, host: Host) -> str:
    """`text` so that it calls nobody on `host`, even where code is searched for mentions and references."""
    return _CALLING.sub(rf"\1{_JOINER}", text) if host.parts else text


def code_block(lines: Iterable[str], host: Host, language: str = "") -> str:
    """A code block longer than any run of backticks in it. The lines are safe to show and begin with a mark of ours."""
    text = parted("\n".join(lines), host)
    ticks = "`" * max(3, 1 + max(map(len, _RUN.findall(text)), default=0))
    return f"\n{ticks}{language}\n{text}\n{ticks}\n"


def code_span(text: str, host: Host) -> str:
    """`text` on one line, as code within a line."""
    shown = parted(one_line(text, LONGEST_LINE), host) or " "
    ticks = "`" * (1 + max(map(len, _RUN.findall(shown)), default=0))
    return f"{ticks} {shown} {ticks}" if "`" in shown else f"{ticks}{shown}{ticks}"


def folded(head: str, lines: Iterable[str], host: Host) -> str:
    """`lines` under `head`: unfolded by a click where the host can."""
    if not host.html:
        return code_block([head, *lines], host)
    shown = escape(parted(one_line(head, LONGEST_LINE), host))
    return f"\n<details><summary><code>{shown}</code></summary>\n{code_block(lines, host)}\n</details>\n"


def listed(title: str, lines: Sequence[str], most: int, host: Host, mark: str = "- ") -> str:
    """A bold title, `most` of `lines`, each behind `mark`, and how many more there are; nothing where there is none.
    Without a mark the lines must begin with one of ours."""
    if not lines:
        return ""
    shown = code_block((f"{mark}{one_line(line, LONGEST_LINE)}" for line in lines[:most]), host) if most else ""
    more = len(lines) - most
    return f"\n**{title}**\n{shown}" + (f"\n{more} not shown here: {WHERE}.\n" if more > 0 else "")


WHERE = "`seqsync show FILE` shows all of it"
