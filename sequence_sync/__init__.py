"""seqsync: outreach sequences as code. README.md beside this file describes the packages."""

from sequence_sync._version import __version__

__all__ = ["__version__"]
