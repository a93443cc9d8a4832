"""Two contenders on the same items: spec, fairness audit, stages, statistics, verdict, report."""
