"""`python -m wfverify` and the `wfverify` command."""

import os
import sys
from contextlib import suppress


def main() -> int:
    # The version is answered without importing the tool itself: editors ask for it often.
    if sys.argv[1:] in (["--version"], ["-V"]):
        from . import __version__

        sys.stdout.write(f"wfverify {__version__}\n")
        return 0
    try:
        from .cli import main as run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the tool is loaded
        sys.stderr.write("wfverify: interrupted\n")
        status = 130
    if status == 130:
        # Python would end itself with a signal if the interrupt came at an unlucky moment, and
        # take down what is half made.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
