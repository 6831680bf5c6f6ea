"""`python -m sequence_sync` is `seqsync`."""

from sequence_sync.cli.entry import main

if __name__ == "__main__":
    main()
