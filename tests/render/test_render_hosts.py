"""Code hosts and the limits of their comments."""

from __future__ import annotations

from sequence_sync.render.hosts import DEFAULT_HOST, HOSTS


def test_default_comment_host_is_the_first() -> None:
    assert next(iter(HOSTS)) == DEFAULT_HOST
