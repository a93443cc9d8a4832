"""The head of the report and its verdict: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "colon": (": ", "："),
    "to": (" to ", " 至 "),
    "report": ("Duel report", "对比报告"),
    "language": ("Language", "语言"),
    "contents": ("Contents", "目录"),
    "theme": ("Dark or light", "深色或浅色"),
    "verdict": ("Verdict", "结论"),
    "better": ("{name} is better", "{name} 更好"),
    "equivalent": ("Equivalent", "二者等效"),
    "undecided": ("Undecided", "胜负未定"),
    "how_sure": ("How sure", "把握程度"),
    "parameters_short": ("{count} parameters", "{count} 参数"),
    "trained_in": ("trained in {time}", "训练 {time}"),
    "interval_at": ("{level} interval", "{level} 置信区间"),
    "difference_ab": ("Difference A − B", "差值 A − B"),
    "best": ("{name} is the best", "{name} 最好"),
    "equivalent_many": ("Equivalent", "领先者等效"),
    "kind_endpoint": ("endpoint", "接口"),
    "kind_transformers": ("transformers model", "transformers 模型"),
    "kind_reference": ("reference row", "参照行"),
    "references": ("Without a language model", "不用语言模型"),
    "reference_better": (
        "{reference} reaches {score} and is better than {best} with {own}.",
        "{reference} 达到 {score}，优于 {best} 的 {own}。",
    ),
    "reference_worse": (
        "{reference} reaches {score}; {best} with {own} is better.",
        "{reference} 达到 {score}；{best} 为 {own}，更好。",
    ),
    "reference_equal": (
        "{reference} reaches {score} and is equivalent to {best} with {own}.",
        "{reference} 达到 {score}，与 {best} 的 {own} 等效。",
    ),
    "reference_open": (
        "{reference} reaches {score}; whether {best} with {own} is better is not shown.",
        "{reference} 达到 {score}；{best} 为 {own}，是否更好尚未证实。",
    ),
    "take": ("Which to take, given the cost", "计入成本后选谁"),
    "overview": ("Overview", "总览"),
    "overview_intro": (
        "Every task over all its items, with {level} intervals unless a task states another; the "
        "best measured value of a line is in bold. Only the last column says what is shown.",
        "各任务在全部题目上的结果与 {level} 置信区间（任务另有注明者除外）；"
        "每行最好的测得值以粗体标出。差距是否成立，只看最后一列。",
    ),
}
