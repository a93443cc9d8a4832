"""Numbers from answers, a file a family of metrics; pure functions, each held against an oracle."""
