"""Several runs on one page: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "several_report": ("Several runs", "多次运行"),
    "several_title": ("{count} runs side by side", "{count} 次运行并列"),
    "several_intro": (
        "Each run keeps its own verdict; nothing is pooled. Letters name the contenders of a run, "
        "so A of one run need not be A of another.",
        "每次运行保留各自的结论，不作合并。字母只在一次运行内指代选手，"
        "不同运行中的 A 未必是同一个模型。",
    ),
    "runs": ("Runs", "运行"),
    "run": ("Run", "运行"),
    "tasks_intro": (
        "Scores with their intervals, run by run, on one scale for each task. Intervals of "
        "different runs may be looked at together, but no test was made between runs.",
        "按运行列出成绩与置信区间，每项任务共用一个刻度。"
        "不同运行的区间可以对照，但未在运行之间做检验。",
    ),
    "items_same": ("The same items in every run.", "各次运行的题目相同。"),
    "items_other": (
        "The runs asked different items: compare with care.",
        "各次运行的题目不同，对照时须谨慎。",
    ),
    "weights_other": (
        "{name}: other weights under one name in {runs}.",
        "{name}：在 {runs} 中名称相同而权重不同。",
    ),
    "score": ("Score", "成绩"),
    "interval_drawn": ("Interval, drawn", "区间图示"),
}
