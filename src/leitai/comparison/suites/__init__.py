"""Ready-made series of experiments, each of which ends in a table."""
