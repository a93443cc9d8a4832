"""The first sheet of paper: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "print_summary": ("Print summary", "打印摘要"),
    "question": (
        "Which is better on {task}, {a} or {b}, and at what cost?",
        "在 {task} 上，{a} 与 {b} 哪个更好？成本如何？",
    ),
    "question_many": (
        "Which is best on {task}: {names}? And at what cost?",
        "在 {task} 上，{names} 之中哪个最好？成本如何？",
    ),
    "question_of": (
        "Which of {count} contenders is best on {task}, and at what cost?",
        "在 {task} 上，{count} 个选手中哪个最好？成本如何？",
    ),
    "task_and_more": ("{task} (and {more} more)", "{task}（及另外 {more} 项任务）"),
    "place": ("Place", "名次"),
    "contender": ("Contender", "选手"),
    "to_the_best": ("Difference to the first", "与首位之差"),
    "items_short": ("Items", "题数"),
    "tasks_left_out": (
        "{count} more tasks are in the whole report.",
        "另有 {count} 项任务，见完整报告。",
    ),
    "worries_left_out": ("and {count} more", "另有 {count} 项"),
}
