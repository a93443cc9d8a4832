"""Every word of the report that is not data, in both languages: key -> (English, Chinese)."""

from leitai.comparison.wording import Bilingual

_TABLE: dict[str, tuple[str, str]] = {
    # head
    "colon": (": ", "："),
    "to": (" to ", " 至 "),
    "report": ("Duel report", "对比报告"),
    "theme": ("Dark or light", "深色或浅色"),
    # verdict
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
    # scores
    "difference": ("Difference", "差值"),
    "pair": ("Pair", "对比"),
    "ranking": ("Ranking", "排名"),
    "pairs_matrix": ("Row minus column", "行减列"),
    "first_side": ("first better", "前者更好"),
    "second_side": ("second better", "后者更好"),
    # evidence
    "evidence": ("Evidence over the items", "证据随题目的累积"),
    "evidence_stopped": ("decided at {at} of {planned} items", "共 {planned} 题，第 {at} 题时判定"),
    "evidence_open": ("open after {at} of {planned} items", "{planned} 题中问了 {at} 题仍未定"),
    "log_e": ("log e-value; dashed: 1 / alpha", "e 值的对数；虚线为 1 / alpha"),
    "items_asked": ("items asked", "已问题数"),
    "tradeoff": ("Quality and cost", "质量与成本"),
    "tradeoff_intro": (
        "Up is better, left is cheaper. The line joins the front: no other is as good for less.",
        "越高越好，越左越省。连线为前沿：没有其他模型能以更低成本达到同样质量。",
    ),
    "seconds_per_item": ("seconds per item", "每题秒数"),
    "money": ("money ({currency})", "费用（{currency}）"),
    "answer_tokens": ("Tokens read and written", "读写词元数"),
    "calibration": ("Calibration", "校准"),
    "calibration_intro": (
        "How often answers are right that were given with so much probability; on the dashed line, "
        "as often as promised. ECE: mean distance from it, in ten bins.",
        "以某一概率给出的回答实际有多少正确；落在虚线上即名实相符。"
        "ECE 为与虚线的平均距离，分十箱。",
    ),
    "share_right": ("share right", "正确率"),
    "probability": ("probability of the answer", "回答的概率"),
    "arms": ("Ways of asking and seeds", "提问方式与种子"),
    "arm": ("Arm", "分支"),
    "further": ("Further measures", "其他指标"),
    "reasoning": ("Reasoning", "推理过程"),
    "filter_differ": ("They differ", "有分歧"),
    "scores": ("Scores", "成绩"),
    "scores_intro": (
        "Dots are the measured values, whiskers their {level} intervals. The second "
        "drawing shows the difference on the same items, with the margin as a grey band.",
        "圆点为测得的数值，横线为 {level} 置信区间。"
        "第二幅图为二者在相同题目上的差值，灰带为等效界限。",
    ),
    "primary": ("primary", "主任务"),
    "higher_is_better": ("higher is better", "越高越好"),
    "lower_is_better": ("lower is better", "越低越好"),
    "slice": ("Slice", "子集"),
    "alone": ("Alone right", "独自答对"),
    "alone_hint": ("A : B", "A : B"),
    "p_adjusted": ("p (Holm)", "p 值（Holm）"),
    "result": ("Result", "结论"),
    "better_short": ("{key} better", "{key} 更好"),
    "equivalent_short": ("equivalent", "等效"),
    "undecided_short": ("undecided", "未定"),
    "about_more": ("about {more} more items", "约需再加 {more} 题"),
    "a_side": ("A better", "A 更好"),
    "b_side": ("B better", "B 更好"),
    "margin_band": ("margin ±{margin}", "界限 ±{margin}"),
    "slice_all": ("All items", "全部题目"),
    "slice_zh": ("Chinese", "中文"),
    "slice_en": ("English", "英文"),
    "slices_note": (
        "Slices below “All items” are descriptive: not corrected for being several.",
        "“全部题目”以下的子集仅供描述，未作多重比较校正。",
    ),
    "unparsed_note": (
        "Answers that could not be read count as wrong: {counts}. Had all of them been right: "
        "{best}.",
        "无法识别的回答按错误计：{counts}。若它们全部正确：{best}。",
    ),
    # learning
    "learning": ("Learning curves", "学习曲线"),
    "learning_intro": (
        "Loss in nats per target token. The two tokenizers cut text differently, so compare shapes "
        "(still falling, flat, rising again), not heights.",
        "损失以每个目标词元的奈特计。两个分词器切分不同，因此只宜比较走势"
        "（仍在下降、已平、回升），不宜比较高低。",
    ),
    "not_trained": (
        "The contenders were compared as they are; nothing was trained.",
        "双方按原样比较，没有训练。",
    ),
    "no_curve": ("not trained", "未训练"),
    "curve_legend": (
        "thin: training, bold: validation, ring: best",
        "细线：训练，粗线：验证，圆圈：最佳",
    ),
    "best_step": ("best, step {step}", "最佳，第 {step} 步"),
    "step": ("step", "步"),
    # search
    "search": ("Search of settings", "参数搜索"),
    "search_intro": (
        "Each side tried the same {count} settings, drawn before the run from the same ranges, and "
        "chose on its validation rows by {metric} ({direction}). Arrows go from rung to rung of "
        "successive halving. Scores of the two sides are not to be compared here: the choice is "
        "made within a side.",
        "双方试用同样的 {count} 组设置（运行前从相同范围抽取），"
        "各自在验证集上按{metric}（{direction}）选择。箭头表示逐级减半的各级。此处双方的分值不宜互相比较，选择只在各方内部进行。",
    ),
    "learning_rate": ("Learning rate", "学习率"),
    "rank": ("Rank", "秩"),
    "epochs": ("Epochs", "轮数"),
    "chosen": ("{score} ✓ chosen", "{score} ✓ 选用"),
    "diverged": ("diverged", "发散"),
    "by_loss": ("loss", "损失"),
    "by_accuracy": ("accuracy", "准确率"),
    "by_exact_match": ("exact match", "完全匹配率"),
    "by_chrf": ("chrF", "chrF 值"),
    "trial": ("Trial", "试验"),
    # cost
    "cost": ("Cost", "成本"),
    "cost_intro": (
        "Measured on this machine in this run. The better side of each line is in bold, "
        "unless they differ by less than 1%.",
        "均为本次运行在本机的实测。每行中较优的一方以粗体标出（相差不足 1% 时不标）。",
    ),
    "quantity": ("Quantity", "项目"),
    "ratio": ("B ÷ A", "B ÷ A"),
    "train_seconds": ("Training time", "训练时间"),
    "search_seconds": ("Time of the search", "搜索时间"),
    "train_tokens": ("Tokens trained on", "训练词元数"),
    "score_seconds": ("Scoring time", "评测时间"),
    "items_per_second": ("Items scored per second", "每秒评测题数"),
    "peak_memory": ("Peak memory", "内存峰值"),
    "trainable_parameters": ("Trainable parameters", "可训练参数"),
    "total_parameters": ("All parameters", "全部参数"),
    "vocabulary": ("Vocabulary", "词表大小"),
    "characters_per_token": ("Characters per token: {language}", "每词元字符数：{language}"),
    # items
    "disagreements": ("Item by item", "逐题对照"),
    "items_intro": (
        "Where the two differ, and how. Choose a group, or search in questions and answers.",
        "看二者在哪里不同、如何不同。可选择分组，或在题目与回答中搜索。",
    ),
    "needs_script": (
        "This part needs JavaScript. The same rows are in scores/, one JSON line an item.",
        "此部分需要 JavaScript。相同的数据在 scores/ 中，每题一行 JSON。",
    ),
    "task": ("Task", "任务"),
    "search_hint": ("Search questions and answers", "搜索题目与回答"),
    "filter_a": ("Only A right", "仅 A 对"),
    "filter_b": ("Only B right", "仅 B 对"),
    "filter_none": ("Both wrong", "都错"),
    "filter_all": ("All", "全部"),
    "filter_a_score": ("A better", "A 更好"),
    "filter_b_score": ("B better", "B 更好"),
    "expected": ("Expected", "参考答案"),
    "no_answer": ("(no answer)", "（无回答）"),
    "right": ("right", "对"),
    "wrong": ("wrong", "错"),
    "show_all": ("Show all", "展开"),
    "show_less": ("Show less", "收起"),
    "previous": ("Previous", "上一页"),
    "next": ("Next", "下一页"),
    "found": ("{from}–{to} of {count}", "第 {from}–{to} 题，共 {count} 题"),
    "nothing_found": ("No items in this group.", "此分组没有题目。"),
    "items_left_out": (
        "To keep this file small it holds {kept} of {count} items, disagreements first; the others "
        "are in scores/.",
        "为控制文件大小，这里收录 {count} 题中的 {kept} 题，分歧优先；其余见 scores/。",
    ),
    "texts_cut": (
        "Texts longer than {length} characters are cut here; they are whole in scores/.",
        "超过 {length} 个字符的文本在此处截短，全文见 scores/。",
    ),
    # audit
    "fairness": ("Fairness audit", "公平性检查"),
    "fairness_intro": (
        "What both sides really saw, checked before the run. A refused check stops the duel.",
        "运行前核对双方实际看到的内容。任何一项被拒绝，对比即不进行。",
    ),
    "check": ("Check", "检查项"),
    "status": ("Status", "状态"),
    "explanation": ("Explanation", "说明"),
    "status_ok": ("ok", "通过"),
    "status_note": ("note", "提示"),
    "status_warning": ("warning", "警告"),
    "status_refused": ("refused", "拒绝"),
    # method
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
    # manifest
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

STRINGS = {key: Bilingual(*words) for key, words in _TABLE.items()}

FAMILIES = {"qwen2": "Qwen2 / 2.5", "qwen3": "Qwen3", "llama": "Llama 3"}
"""How a family is called on the page."""

METHODS = {
    "full": Bilingual("full training", "全参数训练"),
    "freeze": Bilingual("some weights trained", "仅训练部分参数"),
    "lora": Bilingual.same("LoRA"),
    "dora": Bilingual.same("DoRA"),
    "adalora": Bilingual.same("AdaLoRA"),
    "ia3": Bilingual.same("(IA)³"),
}
"""How a way of adapting is called on the page."""


def slice_name(label: str) -> Bilingual:
    """What a slice is called: known ones in words, others by their label."""
    return STRINGS.get(f"slice_{label}") or Bilingual.same(label)
