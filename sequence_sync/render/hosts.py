"""The code hosts that show a plan as a comment, and what each of them accepts. One line adds a host.

Imports only the standard library, so that the command line can name the hosts in its help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Host(NamedTuple):
    """A code host, and what its comments can show.

    `limit`: the longest comment, in the unit of `size`. `html`: the host shows `<details>` and hides HTML comments.
    `mermaid`: the host draws diagrams. `breaks_mentions`: an invisible character goes behind each `@`, `#` and `!`,
    even in code, because the host does not document that it ignores mentions in code.
    """

    limit: int
    size: Callable[[str], int]
    html: bool
    mermaid: bool
    breaks_mentions: bool


def _utf8(text: str) -> int:
    return len(text.encode("utf-8"))


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


# GitHub documents 65,536 characters. Measured: 65,536 code points for bodies of pull requests, 262,144 bytes for
# comments; 65,536 code points keep both. GitLab: formerly 1,000,000 characters, now 1,048,576 bytes. Bitbucket
# documents less than 32,768 and Azure DevOps at most 150,000, both in UTF-16 units. A step summary on GitHub
# takes 1 MiB, and GitHub drops a longer one completely.
HOSTS: Mapping[str, Host] = MappingProxyType(
    {
        "github": Host(65_536, len, html=True, mermaid=True, breaks_mentions=False),
        "gitlab": Host(1_000_000, _utf8, html=True, mermaid=True, breaks_mentions=False),
        "bitbucket": Host(32_767, _utf16, html=False, mermaid=False, breaks_mentions=True),
        "azure": Host(150_000, _utf16, html=True, mermaid=False, breaks_mentions=True),
        "github-summary": Host(1_048_576, _utf8, html=True, mermaid=True, breaks_mentions=False),
    }
)
DEFAULT_HOST = "github"
