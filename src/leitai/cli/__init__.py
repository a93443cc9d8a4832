"""The command line: one thin function per verb."""

import sys


def main() -> None:
    """Run the command line; a mistake of the user ends in one line and exit code 2."""
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
