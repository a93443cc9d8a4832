"""Why the verdict is what it is: one sentence, and one on how sure it is, in both languages.

Both read the rounded numbers of `verdict.json`, so that a sentence never says more than the file.
"""

from typing import Any

from leitai.comparison.metric_words import metric_of
from leitai.comparison.pairing import pair_name
from leitai.comparison.stopping import BETTING
from leitai.comparison.wording import Bilingual, decimals, level, p_value

_NOTE = Bilingual(
    "The overall verdict is the primary task's verdict over all its items. With several tasks the "
    "p values over all items are adjusted by Holm's method. Verdicts of smaller slices are "
    "descriptive: they are not adjusted for being many. Differences are A minus B. Intervals tell "
    "how much the result could change with other items of the same kind; they do not cover another "
    "training seed.",
    "总体结论取自主任务全部题目的结论。有多个任务时，全部题目上的 p 值按 Holm 方法校正。"
    "各子集的结论仅供描述，未作多重比较校正。差值均为 A 减 B。"
    "区间反映换一批同类题目时结果的波动，不包含更换训练随机种子带来的波动。",
)

_NOTE_OF_SEVERAL = Bilingual(
    "The overall verdict follows from the primary task's pairs over all its items. The p values "
    "over all items are adjusted by Holm's method over all tasks and pairs. Verdicts of smaller "
    "slices and of pairs with a reference row are descriptive: they are not adjusted for being "
    "many. Differences are the pair's first minus its second. Intervals tell how much the result "
    "could change with other items of the same kind; they do not cover another training seed.",
    "总体结论由主任务全部题目上的两两比较得出。"
    "全部题目上的 p 值按 Holm 方法对所有任务和配对统一校正。"
    "各子集以及含参照行的配对，其结论仅供描述，未作多重比较校正。差值均为配对中前者减后者。"
    "区间反映换一批同类题目时结果的波动，不包含更换训练随机种子带来的波动。",
)

_LOOKED = Bilingual(
    " Asking stopped where every verdict of a task was safe whatever came: {early} of the allowed "
    "rate of false verdicts was spent on looking, by bets that hold at any time, and the rest on "
    "the tests over all items.",
    "一旦某任务的各项结论无论后续如何都已成立，提问即停止：允许误判率的 {early} "
    "用于随时有效的序贯检验，其余用于全部题目上的检验。",
)

_POOL = Bilingual(
    " Verdicts over all items are about these very items and not about further ones like them: the "
    "items were asked in random order, without replacement, until the rest could not change what "
    "bets that hold at any time had shown.",
    "全部题目上的结论只针对这些题目本身，不推及其他同类题目：题目按随机顺序不放回抽取，"
    "直到其余题目已不能改变随时有效的序贯检验的结论为止。",
)

_BETTER = Bilingual(
    "{winner} is better than {loser} on {task}: {metric} {first} against {second}{direction}, "
    "ahead by {lead}{gap} ({level} interval {low} to {high}; {p}) on {n} items.",
    "在 {task} 上，{winner} 优于 {loser}：{metric} {first} 对 {second}{direction}，"
    "领先 {lead}{gap}（{level} 置信区间 {low} 至 {high}；{p}），共 {n} 题。",
)
_EQUIVALENT = Bilingual(
    "{a} and {b} are equivalent on {task} within the margin of ±{margin}{gap}: {metric} {first} "
    "against {second}{direction}, a difference of {difference}{gap} ({inner} interval {low} to "
    "{high}) on {n} items.",
    "在 {task} 上，{a} 与 {b} 在 ±{margin}{gap}的界限内等效：{metric} {first} 对 {second}"
    "{direction}，相差 {difference}{gap}（{inner} 置信区间 {low} 至 {high}），共 {n} 题。",
)
_UNDECIDED = Bilingual(
    "Undecided between {a} and {b} on {task}: {metric} {first} against {second}{direction}, a "
    "difference of {difference}{gap} ({level} interval {low} to {high}; {p}) on {n} items; {more}.",
    "在 {task} 上，{a} 与 {b} 胜负未定：{metric} {first} 对 {second}{direction}，"
    "相差 {difference}{gap}（{level} 置信区间 {low} 至 {high}；{p}），共 {n} 题；{more}。",
)
_LOWER = Bilingual(" (lower is better)", "（越低越好）")
_MORE: dict[str | None, Bilingual] = {
    "difference": Bilingual(
        "about {more} more items would show a difference of this size",
        "约需再增加 {more} 题才能证实这样大小的差异",
    ),
    "equivalence": Bilingual(
        "about {more} more items would show that the two are equivalent within ±{margin}{gap}",
        "约需再增加 {more} 题才能证实二者在 ±{margin}{gap}内等效",
    ),
    None: Bilingual(
        "no practical number of further items would decide it",
        "再增加多少题也难以分出结果",
    ),
}

_SURE_BETTER = Bilingual(
    "If the two were equally good, a gap at least this large would turn up in {chance} such "
    "comparisons.",
    "假如二者水平相同，这样大的差距在同类比较中出现的机会{chance}。",
)
_SURE_AT_ANY_TIME = Bilingual(
    "If it were not so, evidence this strong would turn up at some time in {chance} such "
    "comparisons.",
    "假如事实并非如此，同类比较中任何时刻出现这样强的证据的机会{chance}。",
)
_THESE = Bilingual(
    " This is about these {planned} items, not about further ones.",
    "此结论只针对这 {planned} 道题，不推及其他题目。",
)
_SURE_EQUIVALENT = Bilingual(
    "If the true difference were as large as the margin, a gap this small would turn up in "
    "{chance} such comparisons.",
    "假如真实差距达到界限，这样小的差距在同类比较中出现的机会{chance}。",
)
_SURE_UNDECIDED = Bilingual(
    "The items seen so far fit any true difference from {low} to {high}{gap}; neither a winner nor "
    "equivalence within ±{margin}{gap} can be claimed.",
    "现有题目与 {low} 至 {high}{gap}之间的任何真实差距都相符；既不能断言胜者，"
    "也不能断言在 ±{margin}{gap}内等效。",
)
_ADJUSTED = Bilingual(
    " (Adjusted for {tests} tasks by Holm's method.)", "（已按 Holm 方法对 {tests} 个任务作校正。）"
)
_ADJUSTED_PAIRS = Bilingual(
    " (Adjusted for {tests} comparisons by Holm's method.)",
    "（已按 Holm 方法对 {tests} 次比较作校正。）",
)


def note_of(contenders: int, early: float) -> Bilingual:
    """How to read the file, for so many contenders.

    Args:
        contenders: of the duel, reference rows included.
        early: share of alpha that was spent on looking; 0 where all items were asked, 1 where the
            verdict is about these items alone.
    """
    note = _NOTE if contenders == 2 else _NOTE_OF_SEVERAL
    if not early:
        return note
    more = _POOL if early == 1 else _LOOKED.format(early=f"{100 * early:.10g}%")
    return Bilingual(note.en + more.en, note.zh + more.zh)


def reason_of(
    task: dict[str, Any],
    part: dict[str, Any],
    pair: tuple[str, str],
    names: dict[str, str],
    alpha: float,
) -> Bilingual:
    """The verdict of one pair in a sentence that names contenders, difference, interval and n.

    Args:
        task: a task of `verdict.json`.
        part: one of its slices.
        pair: the keys of the two.
        names: the contenders' names by key.
        alpha: one minus the level of the interval.
    """
    metric = metric_of(task["metric"])
    a, b = pair
    row, scores = part["pairs"][pair_name(a, b)], part["scores"]
    show, write = metric.unit.value, metric.unit.difference
    difference = row["difference"]
    parts: dict[str, Bilingual | str | int] = {
        "task": task["task"],
        "metric": metric.name,
        "direction": Bilingual.same("") if task["higher_is_better"] else _LOWER,
        "gap": metric.unit.gap,
        "level": level(alpha),
        "inner": level(2 * alpha),
        "p": p_value(row["p"] if row["p_holm"] is None else row["p_holm"]),
        "n": f"{part['n']:,}",
        "margin": write(row["margin"], False),
        "a": names[a],
        "b": names[b],
        "first": show(scores[a]["value"]),
        "second": show(scores[b]["value"]),
        "difference": write(difference["value"], True),
        "low": write(difference["low"], True),
        "high": write(difference["high"], True),
    }
    if row["verdict"] == "equivalent":
        inner = row["equivalence_interval"]
        ends = {"low": write(inner["low"], True), "high": write(inner["high"], True)}
        return _EQUIVALENT.format(**{**parts, **ends})
    if row["verdict"] == "undecided":
        more = _MORE[row["more_items_to_show"]].format(
            more=f"{row['more_items'] or 0:,}", margin=parts["margin"], gap=metric.unit.gap
        )
        return _UNDECIDED.format(**parts, more=more)
    winner, loser = (a, b) if row["verdict"] == "a_better" else (b, a)
    lead = sorted(abs(difference[key]) for key in ("low", "high"))
    return _BETTER.format(
        **{
            **parts,
            "winner": names[winner],
            "loser": names[loser],
            "first": show(scores[winner]["value"]),
            "second": show(scores[loser]["value"]),
            "lead": write(abs(difference["value"]), False),
            "low": write(lead[0], False),
            "high": write(lead[1], False),
        }
    )


def certainty_of(task: dict[str, Any], row: dict[str, Any], tests: int, several: bool) -> Bilingual:
    """How sure the verdict of a pair is, for a reader who does not know p values.

    Args:
        task: a task of `verdict.json`.
        row: one of its pairs.
        tests: how many comparisons were adjusted together.
        several: whether there are more than two contenders.
    """
    unit = metric_of(task["metric"]).unit
    if row["verdict"] == "undecided":
        ends = row["difference"]
        sentence = _SURE_UNDECIDED.format(
            low=unit.difference(ends["low"], True),
            high=unit.difference(ends["high"], True),
            margin=unit.difference(row["margin"], False),
            gap=unit.gap,
        )
    else:
        equal = row["verdict"] == "equivalent"
        key = "p_equivalence" if equal else "p"
        p = row[key] if row[f"{key}_holm"] is None else row[f"{key}_holm"]
        words = _SURE_EQUIVALENT if equal else _SURE_BETTER
        if row["test"] == BETTING:
            words = _SURE_AT_ANY_TIME
        sentence = words.format(chance=_chance(p))
    looks = task.get("sequential") or {}
    if looks.get("about") == "these":
        these = _THESE.format(planned=f"{looks['planned']:,}")
        sentence = Bilingual(sentence.en + these.en, sentence.zh + these.zh)
    if row["p_holm"] is None or tests == 1:
        return sentence
    note = (_ADJUSTED_PAIRS if several else _ADJUSTED).format(tests=tests)
    return Bilingual(sentence.en + note.en, sentence.zh + note.zh)


def _chance(p: float) -> Bilingual:
    for out_of in (100, 1_000, 10_000):
        if (count := round(p * out_of)) >= 1 and p * out_of >= 0.95:
            whole = decimals(out_of, 0)
            return Bilingual(f"about {count} of {whole}", f"约为 {count}/{whole}")
    return Bilingual("fewer than 1 of 10,000", "不到 1/10,000")
