"""The item browser: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "disagreements": ("Item by item", "逐题对照"),
    "items_intro": (
        "Where they differ, and how. Choose a group, or search in questions and answers.",
        "看各方在哪里不同、如何不同。可选择分组，或在题目与回答中搜索。",
    ),
    "needs_script": (
        "This part needs JavaScript. The same rows are in scores/, one JSON line an item.",
        "此部分需要 JavaScript。相同的数据在 scores/ 中，每题一行 JSON。",
    ),
    "task": ("Task", "任务"),
    "search_hint": ("Search questions and answers", "搜索题目与回答"),
    "filter_differ": ("They differ", "有分歧"),
    "filter_only": ("Only {key} right", "仅 {key} 对"),
    "filter_none": ("All wrong", "全错"),
    "filters": ("Groups of items", "题目分组"),
    "filter_right": ("All right", "全对"),
    "filter_all": ("All", "全部"),
    "filter_ahead": ("{key} ahead", "{key} 领先"),
    "own_group": ("Or choose who is right and who is wrong", "或自选谁对谁错"),
    "either": ("either", "不限"),
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
}
