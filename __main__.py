"""`python -m wfverify` and the `wfverify` command."""

import sys


def main() -> int:
    # The version is answered without importing the tool itself: editors ask for it often.
    if sys.argv[1:] in (["--version"], ["-V"]):
        from . import __version__

        sys.stdout.write(f"wfverify {__version__}\n")
        return 0
    from .cli import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
