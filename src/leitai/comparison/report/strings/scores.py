"""Scores, evidence and what they cost against quality: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "difference": ("Difference", "差值"),
    "difference_of_pair": ("Difference first − second", "差值：前者 − 后者"),
    "pair": ("Pair", "对比"),
    "ranking": ("Ranking", "排名"),
    "pairs_matrix": ("Row minus column", "行减列"),
    "first_side": ("first better", "前者更好"),
    "second_side": ("second better", "后者更好"),
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
    "arms_intro": (
        "Nothing is decided here: the rows show what hangs on a wording or on luck.",
        "此处不作裁决：各行显示结果在多大程度上取决于措辞或运气。",
    ),
    "components": ("For new items, seeds and wordings", "推及新的题目、种子与措辞"),
    "components_intro": (
        "Mean difference (items: {items}, seeds: {seeds}, ways of asking: {templates}), with an "
        "interval for new ones of each; then the variance that each part accounts for.",
        "在 {items} 题、{seeds} 个种子、{templates} 种提问方式上的平均差值，"
        "区间推及三者的新取值；其后为各部分的方差。",
    ),
    "variances": ("Variances", "方差"),
    "factor_item": ("item", "题目"),
    "factor_seed": ("seed", "种子"),
    "factor_template": ("wording", "措辞"),
    "arm": ("Arm", "分支"),
    "further": ("Further measures", "其他指标"),
    "reasoning": ("Reasoning", "推理过程"),
    "scores": ("Scores", "成绩"),
    "scores_intro": (
        "Dots are the measured values, whiskers their {level} intervals. The second "
        "drawing shows the difference on the same items, with the margin as a grey band.",
        "圆点为测得的数值，横线为 {level} 置信区间。第二幅图为在相同题目上的差值，灰带为等效界限。",
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
    "about_one_more": ("about one more item", "约需再加 1 题"),
    "unbeaten": ("not beaten: {keys}", "未被超过：{keys}"),
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
}
