"""Runs a verb and turns whatever goes wrong into one sentence and an exit status (`answers`)."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from examples.controller.cli.answers import INTERRUPTED, USAGE, ReaderGone, Trouble, Unreachable
from examples.controller.cli.commands import program
from examples.controller.cli.printing import PROGRAM, Printer
from examples.controller.cli.session import Surroundings
from examples.controller.cli.verbs_program import complete_variable


def main(argv: Sequence[str] | None = None, *, around: Surroundings | None = None) -> int:
    """Run the verb that the arguments name and return the exit status."""
    complain = Printer(sys.stdout, sys.stderr).complain
    try:
        returned = program.main(
            args=None if argv is None else list(argv),
            prog_name=PROGRAM,
            complete_var=complete_variable(),
            standalone_mode=False,
            obj=around or Surroundings(),
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.UsageError as error:
        complain(_usage(error))
        return USAGE
    except click.ClickException as error:  # a file that cannot be read
        complain(error.format_message())
        return USAGE
    except click.Abort:
        return INTERRUPTED
    except ReaderGone as error:
        return error.exit_code
    except Trouble as error:
        complain(str(error))
        return error.exit_code
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        complain(f"An answer of the controller has an unknown form: {error!r}.")
        return Unreachable.exit_code
    return returned if isinstance(returned, int) else 0


def _usage(error: click.UsageError) -> str:
    """Return what is wrong with the arguments in one line, and where to read more."""
    where = error.ctx.command_path if error.ctx is not None else PROGRAM
    return f"{' '.join(error.format_message().split())} (see {where} --help)"


def _terminate(_number: int, _frame: object) -> NoReturn:
    """End through every `finally`, so that the cursor comes back."""
    raise SystemExit(143)


def run() -> NoReturn:
    """Be the program ``sequencectl-cli``."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(main())


if __name__ == "__main__":
    run()
