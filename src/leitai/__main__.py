"""``python -m leitai`` is ``leitai``."""

from leitai.cli import main

main()
