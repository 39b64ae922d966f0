"""`python -m latens` and the command `latens`."""

from __future__ import annotations

from latens.cli.main import main

if __name__ == "__main__":
    main()
