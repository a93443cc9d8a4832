"""The audit, how to read the report, and the manifest: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "fairness": ("Fairness audit", "公平性检查"),
    "fairness_intro": (
        "What every side really saw, checked before the run. A refused check stops the duel.",
        "运行前核对各方实际看到的内容。任何一项被拒绝，对比即不进行。",
    ),
    "audit_counts": ("{count} checks: {parts}", "共 {count} 项检查：{parts}"),
    "check": ("Check", "检查项"),
    "status": ("Status", "状态"),
    "explanation": ("Explanation", "说明"),
    "status_ok": ("ok", "通过"),
    "status_note": ("note", "提示"),
    "status_warning": ("warning", "警告"),
    "status_refused": ("refused", "拒绝"),
    "method": ("How to read this", "如何阅读本报告"),
    "def_interval": ("Interval", "置信区间"),
    "def_interval_text": (
        "The range of true values that the data do not contradict at the stated level. If the duel "
        "were repeated with other items of the same kind, {level} of such intervals would hold the "
        "true value. For shares it is Wilson’s, for their difference Tango’s score interval, for "
        "other metrics a paired bootstrap (BCa, {resamples} resamples).",
        "在给定置信水平下数据不能排除的真值范围。若换用同类题目重复比较，约 {level} "
        "的此类区间会包含真值。比例用 Wilson 区间，其差值用 Tango 计分区间，"
        "其他指标用配对自助法（BCa，{resamples} 次重抽样）。",
    ),
    "def_p": ("p value, McNemar and sign flips", "p 值、McNemar 检验与符号翻转"),
    "def_p_text": (
        "The chance of a difference at least this large if the two were equally good. Both answer "
        "the same items, so only items count that exactly one has right; the exact McNemar test "
        "asks whether they split more unevenly than a fair coin. Where items have a score instead "
        "of right or wrong, the two scores of each item are swapped at random {resamples} times.",
        "假如二者水平相同，出现至少这样大的差距的概率。双方回答相同的题目，"
        "因此只有恰好一方答对的题目提供信息；精确 McNemar 检验看它们的分布是否比抛硬币更不均。"
        "若题目只有分值而无对错，则随机交换每题的两个分值 {resamples} 次。",
    ),
    "def_margin": ("Margin and equivalence", "界限与等效"),
    "def_margin_text": (
        "The margin is the largest difference that would not matter, chosen before the run. The "
        "two are called equivalent when the {inner} interval of the difference lies inside it (two "
        "one-sided tests). A difference that is real but surely smaller than the margin counts as "
        "equivalent. “Undecided” is not “equal”: it means that the items do not suffice.",
        "界限是运行前选定的、不影响取舍的最大差距。差值的 {inner} 置信区间完全落在界限以内时"
        "称为等效（两个单侧检验）。真实存在但必定小于界限的差距也算等效。"
        "“未定”不等于“相同”，只表示题目数量还不够。",
    ),
    "def_several": ("Several tasks", "多个任务"),
    "def_several_text": (
        "The overall verdict is the primary task’s. Over all tasks the p values are adjusted by "
        "Holm’s method, so that the chance of any false winner stays below {alpha}, and likewise "
        "that of any false equivalence.",
        "总体结论取自主任务。各任务的 p 值按 Holm 方法校正，使出现任何一个错误胜者的概率低于 "
        "{alpha}，出现任何一个错误等效结论的概率亦然。",
    ),
    "def_limits": ("What this does not say", "本报告没有回答的问题"),
    "def_limits_text": (
        "The intervals cover the choice of items, not another training seed, other settings or "
        "other data. The verdict holds for this task, this budget and these prompts.",
        "置信区间只反映题目的抽样，不包括更换训练随机种子、其他设置或其他数据带来的变化。"
        "结论仅对本任务、本预算和这些提示成立。",
    ),
    "manifest": ("Manifest", "运行清单"),
    "manifest_intro": (
        "Everything needed to run this duel again.",
        "重现本次对比所需的全部信息。",
    ),
    "contenders": ("Contenders", "参赛模型"),
    "manifest_spec": ("Specification", "配置"),
    "manifest_hashes": ("Hashes", "哈希"),
    "manifest_versions": ("Versions", "版本"),
    "manifest_machine": ("Machine", "机器"),
    "name": ("Name", "名称"),
    "model": ("Model", "模型"),
    "family": ("Family", "家族"),
    "adaptation": ("Adaptation", "适配方式"),
    "as_is": ("none, compared as it is", "无，按原样比较"),
    "weights": ("SHA-256 of the weights", "权重 SHA-256"),
    "footer": (
        "Made by Leitai. Rows behind every number: scores/",
        "由 Leitai 擂台生成。每个数字的来源：scores/",
    ),
}
