"""seqsync: outreach sequences as code. The map of the house stands in README.md beside this file."""

from sequence_sync._version import __version__

__all__ = ["__version__"]
