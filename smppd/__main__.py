"""`smppd` and `python -m smppd`: signals are noted before anything is imported that takes long."""

import sys

from smppd.signals import note_signals, starts_daemon


def main() -> int:
    """Run the command of the command line; the exit code."""
    if starts_daemon(sys.argv[1:]):
        note_signals()
    from smppd.cli import main as run_command  # noqa: PLC0415 - see above

    return run_command()


if __name__ == "__main__":
    sys.exit(main())
