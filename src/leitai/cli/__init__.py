"""The command line: one thin function per verb."""

import sys

from leitai.base.ranks import end_process, world_size


def main() -> None:
    """Run the command line; a mistake of the user ends in one line and exit code 2."""
    try:
        _run()
    except SystemExit as end:
        if world_size() > 1:
            end_process(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


def _run() -> None:
    from leitai.base.errors import LeitaiError
    from leitai.cli.app import app

    try:
        app()
    except LeitaiError as error:
        sys.stderr.write(f"leitai: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("leitai: stopped; the same command goes on where it was\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone, as in `leitai ... | head`
        raise SystemExit(141) from None
