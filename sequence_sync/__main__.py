"""Run seqsync with `python -m sequence_sync`."""

from sequence_sync.cli.entry import main

if __name__ == "__main__":
    main()
