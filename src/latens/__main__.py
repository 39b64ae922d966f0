"""`python -m latens` and the command `latens`."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. It takes a moment to import, in which Ctrl-C is no traceback either."""
    try:
        from latens.cli.main import main as run

        run()
    except SystemExit:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said and done; nothing to stop
        raise
    except KeyboardInterrupt:
        if "--json" in sys.argv:
            error = {"code": "interrupted", "message": "Stopped.", "hint": ""}
            sys.stdout.write(json.dumps({"error": error}) + "\n")
        else:
            sys.stderr.write("Stopped.\n")
        sys.stdout.flush()
        os._exit(130)  # at once: modules that are half imported need not be tidied up


if __name__ == "__main__":
    main()
