"""Preferences of people and of judging models: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "preferences": ("Preferences", "偏好"),
    "preferences_intro": (
        "Whose answers were preferred: by people, who do not see whose they are, or by a model "
        "that sees each pair in both orders. Beside the scores; nothing is decided by it.",
        "谁的回答更受偏好：由不知作者的人评判，或由模型对每一对以两种顺序评判。"
        "仅供对照，不参与裁决。",
    ),
    "judged_of": (
        "{judged} of {asked} comparisons judged.",
        "共 {asked} 次比较，已评 {judged} 次。",
    ),
    "judged_badly": (
        " Verdicts not readable: {unparsed}; winner changed with the order: {inconsistent}.",
        "无法读取的判定：{unparsed}；胜者随顺序改变：{inconsistent}。",
    ),
    "first_preferred": ("First preferred", "偏好前者"),
    "second_preferred": ("Second preferred", "偏好后者"),
    "tie": ("Tie", "平"),
    "log_odds": ("Log odds (95%)", "对数优势（95%）"),
    "odds_between": ("{value} ({low} to {high})", "{value}（{low} 至 {high}）"),
    "odds_at_least": ("at least {end}; never lost", "至少 {end}；从未落败"),
    "odds_at_most": ("at most {end}; never won", "至多 {end}；从未获胜"),
    "odds_unknown": ("not known: ties alone", "未知：全部为平"),
}
