"""Numbers and metrics in words, in both languages: one place for the verdict and the report."""

import math
from collections.abc import Callable
from dataclasses import dataclass

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Bilingual:
    """The same words in English and in Chinese."""

    en: str
    zh: str

    @classmethod
    def same(cls, text: str) -> "Bilingual":
        """Words that need no translation: names, numbers."""
        return cls(text, text)

    def format(self, **parts: "Bilingual | str | int") -> "Bilingual":
        """Fill placeholders in both languages, each with its own words."""
        return Bilingual(
            self.en.format(
                **{k: v.en if isinstance(v, Bilingual) else v for k, v in parts.items()}
            ),
            self.zh.format(
                **{k: v.zh if isinstance(v, Bilingual) else v for k, v in parts.items()}
            ),
        )

    def as_dict(self) -> dict[str, str]:
        """The form that goes into JSON."""
        return {"en": self.en, "zh": self.zh}


def signed(text: str, value: float) -> str:
    """Put a plus or a real minus sign before the digits of `abs(value)`; none before zero."""
    if not any(digit in text for digit in "123456789"):
        return text
    return ("+" if value > 0 else MINUS) + text


def decimals(value: float, digits: int, *, sign: bool = False) -> str:
    """A number with fixed decimals and thousands separators."""
    text = f"{abs(value):,.{digits}f}"
    return signed(text, value) if sign or value < 0 else text


@dataclass(frozen=True, slots=True)
class Unit:
    """How the values of a metric are written.

    Attributes:
        value: writes one value, such as 84.2%.
        difference: writes a difference of two values without sign or unit, such as 5.1.
        gap: the unit behind a difference, with its space.
        axis: the factor from the metric to the axis of a chart.
        axis_unit: what the axis of a chart counts.
    """

    value: Callable[[float], str]
    difference: Callable[[float, bool], str]
    gap: Bilingual
    axis: float
    axis_unit: Bilingual


PERCENT = Unit(
    value=lambda v: decimals(100 * v, 1) + "%",
    difference=lambda v, sign: decimals(100 * v, 1, sign=sign),
    gap=Bilingual(" points", " 个百分点"),
    axis=100.0,
    axis_unit=Bilingual("%", "%"),
)
BITS_PER_BYTE = Unit(
    value=lambda v: decimals(v, 3),
    difference=lambda v, sign: decimals(v, 3, sign=sign),
    gap=Bilingual(" bits per byte", " 比特/字节"),
    axis=1.0,
    axis_unit=Bilingual("bits per byte", "比特/字节"),
)
PLAIN = Unit(
    value=lambda v: decimals(v, 3),
    difference=lambda v, sign: decimals(v, 3, sign=sign),
    gap=Bilingual.same(""),
    axis=1.0,
    axis_unit=Bilingual.same(""),
)


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called, how it is written, and what it means."""

    name: Bilingual
    unit: Unit
    meaning: Bilingual


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        Bilingual("accuracy", "准确率"),
        PERCENT,
        Bilingual("the share of items answered right", "答对的题目所占的比例"),
    ),
    "exact_match": Metric(
        Bilingual("exact match", "完全匹配率"),
        PERCENT,
        Bilingual(
            "the share of items whose answer equals the reference, but for case, width, outer "
            "spaces and end punctuation",
            "答案与参考答案一致的题目所占的比例（不计大小写、全半角、首尾空白和句末标点）",
        ),
    ),
    "bits_per_byte": Metric(
        Bilingual("bits per byte", "每字节比特数"),
        BITS_PER_BYTE,
        Bilingual(
            "how many bits the model needs for one byte of the reference text; unlike perplexity "
            "per token it does not depend on the tokenizer",
            "模型编码参考文本的每个字节所需的比特数；与按词元计算的困惑度不同，它不受分词器影响",
        ),
    ),
    "macro_f1": Metric(
        Bilingual("macro-F1", "宏平均 F1"),
        PERCENT,
        Bilingual("the mean of the classes' F1", "各类别 F1 的平均值"),
    ),
    "out_of_scope_recall": Metric(
        Bilingual("out-of-scope recall", "域外召回率"),
        PERCENT,
        Bilingual(
            "the share of questions that belong to no class which are recognised as such",
            "不属于任何类别的问题中被正确识别的比例",
        ),
    ),
    "in_scope_accuracy": Metric(
        Bilingual("in-scope accuracy", "域内准确率"),
        PERCENT,
        Bilingual(
            "accuracy on the questions that belong to a class",
            "只在属于某个类别的问题上计算的准确率",
        ),
    ),
    "handoff_precision": Metric(
        Bilingual("precision of handing over", "转人工精确率"),
        PERCENT,
        Bilingual(
            "of the conversations handed over, the share that needed a person",
            "在转给人工的对话中，确实需要人工的比例",
        ),
    ),
    "handoff_recall": Metric(
        Bilingual("recall of handing over", "转人工召回率"),
        PERCENT,
        Bilingual(
            "of the conversations that needed a person, the share handed over",
            "在需要人工的对话中，被转给人工的比例",
        ),
    ),
    "over_escalation": Metric(
        Bilingual("over-escalation", "过度转接率"),
        PERCENT,
        Bilingual(
            "of the conversations that needed nobody, the share handed over; lower is better",
            "在不需要人工的对话中，仍被转给人工的比例；越低越好",
        ),
    ),
    "sentence_chrf": Metric(
        Bilingual("chrF by item", "逐条 chrF"),
        PERCENT,
        Bilingual(
            "the overlap of runs of characters with the reference, averaged over items",
            "与参考答案在字符片段上的重合度，按条平均",
        ),
    ),
    "rouge_l": Metric(
        Bilingual("ROUGE-L", "ROUGE-L"),
        PERCENT,
        Bilingual(
            "the longest common subsequence with the reference: characters in Chinese, words in "
            "English",
            "与参考答案的最长公共子序列（中文按字，英文按词）",
        ),
    ),
    "hit_rate@1": Metric(
        Bilingual("HR@1", "HR@1"),
        PERCENT,
        Bilingual(
            "the share of items whose right title comes first",
            "正确的一项排在第一位的比例",
        ),
    ),
    "hit_rate@5": Metric(
        Bilingual("HR@5", "HR@5"),
        PERCENT,
        Bilingual(
            "the share of items whose right title is among the first five",
            "正确的一项排进前五位的比例",
        ),
    ),
    "hit_rate@10": Metric(
        Bilingual("HR@10", "HR@10"),
        PERCENT,
        Bilingual(
            "the share of items whose right title is among the first ten",
            "正确的一项排进前十位的比例",
        ),
    ),
    "ndcg@10": Metric(
        Bilingual("NDCG@10", "NDCG@10"),
        PERCENT,
        Bilingual(
            "how high the right title stands among the first ten of the whole catalogue",
            "正确的一项在整个目录前十位中的位置得分",
        ),
    ),
    "mrr": Metric(
        Bilingual("MRR", "MRR"),
        PERCENT,
        Bilingual(
            "the mean of one over the right title's rank in the whole catalogue",
            "正确的一项在整个目录中名次倒数的平均值",
        ),
    ),
    "sampled_hit_rate@1": Metric(
        Bilingual("HR@1 (sampled)", "HR@1（采样）"),
        PERCENT,
        Bilingual(
            "HR@1 among drawn candidates only: biased, not comparable with the whole catalogue",
            "只在抽样候选中计算的 HR@1：有偏，不能与全目录结果比较",
        ),
    ),
    "sampled_hit_rate@5": Metric(
        Bilingual("HR@5 (sampled)", "HR@5（采样）"),
        PERCENT,
        Bilingual(
            "HR@5 among drawn candidates only: biased",
            "只在抽样候选中计算的 HR@5：有偏",
        ),
    ),
    "sampled_hit_rate@10": Metric(
        Bilingual("HR@10 (sampled)", "HR@10（采样）"),
        PERCENT,
        Bilingual(
            "HR@10 among drawn candidates only: biased",
            "只在抽样候选中计算的 HR@10：有偏",
        ),
    ),
    "sampled_ndcg@10": Metric(
        Bilingual("NDCG@10 (sampled)", "NDCG@10（采样）"),
        PERCENT,
        Bilingual(
            "NDCG@10 among drawn candidates only: biased, not comparable with the whole catalogue",
            "只在抽样候选中计算的 NDCG@10：有偏，不能与全目录结果比较",
        ),
    ),
    "sampled_mrr": Metric(
        Bilingual("MRR (sampled)", "MRR（采样）"),
        PERCENT,
        Bilingual(
            "MRR among drawn candidates only: biased",
            "只在抽样候选中计算的 MRR：有偏",
        ),
    ),
    "invented_titles": Metric(
        Bilingual("invented titles", "虚构书名率"),
        PERCENT,
        Bilingual(
            "the share of answers that name no title of the catalogue; lower is better",
            "回答中没有目录里任何一项的比例；越低越好",
        ),
    ),
    "position_bias": Metric(
        Bilingual("position bias", "位置偏差"),
        PLAIN,
        Bilingual(
            "rank correlation between a candidate's place in shuffled lists and its being "
            "chosen; 0 is none",
            "打乱顺序后，候选项的位置与是否被选中之间的秩相关；0 表示没有偏差",
        ),
    ),
    "order_agreement": Metric(
        Bilingual("agreement over orders", "换序一致率"),
        PERCENT,
        Bilingual(
            "how often the same title is chosen when the list is shuffled",
            "列表打乱后仍选同一项的比例",
        ),
    ),
    "reason_in_history": Metric(
        Bilingual("reasons from the history", "理由出自历史"),
        PERCENT,
        Bilingual(
            "the share of reasons that name an item of the history",
            "理由中提到历史记录里某一项的比例",
        ),
    ),
    "reason_faithful": Metric(
        Bilingual("faithful reasons", "理由忠实度"),
        PERCENT,
        Bilingual(
            "how often the title falls further without the item that the reason names than "
            "without another; 50% is chance",
            "去掉理由所提的一项比去掉另一项使推荐名次下降更多的比例；50% 为随机水平",
        ),
    ),
    "contradictions": Metric(
        Bilingual("contradictions", "前后矛盾率"),
        PERCENT,
        Bilingual(
            "the share of answers that name another value than the dialogue settled; lower is "
            "better",
            "回答中出现与对话已定内容不同的取值的比例；越低越好",
        ),
    ),
    "repeated_turn": Metric(
        Bilingual("self-repetition", "自我重复"),
        PERCENT,
        Bilingual(
            "how much of an answer an earlier turn of the same speaker holds; lower is better",
            "回答与自己先前某一轮重复的比例；越低越好",
        ),
    ),
    "answer_f1": Metric(
        Bilingual("answer F1", "答案 F1"),
        PERCENT,
        Bilingual(
            "the overlap of an answer with the best accepted one, by words in English and "
            "characters in Chinese; where there is no answer, whether that is said",
            "答案与最接近的标准答案的重合度（英文按词，中文按字）；无法回答的题目则看是否如实说明",
        ),
    ),
    "answer_exact": Metric(
        Bilingual("answer exact match", "答案完全匹配率"),
        PERCENT,
        Bilingual(
            "the share of answers that equal an accepted one after the set's official "
            "normalisation",
            "按数据集官方规则归一化后与某个标准答案一致的答案所占的比例",
        ),
    ),
    "answerable_f1": Metric(
        Bilingual("answer F1 where there is an answer", "可回答题目的 F1"),
        PERCENT,
        Bilingual(
            "answer F1 over the questions that can be answered",
            "只在可回答的题目上计算的答案 F1",
        ),
    ),
    "abstention_precision": Metric(
        Bilingual("precision of abstaining", "拒答精确率"),
        PERCENT,
        Bilingual(
            "of the answers that say there is none, the share that are right to",
            "在表示无法回答的回答中，确实无法回答的比例",
        ),
    ),
    "abstention_recall": Metric(
        Bilingual("recall of abstaining", "拒答召回率"),
        PERCENT,
        Bilingual(
            "of the questions without an answer, the share where that is said",
            "在无法回答的题目中，如实说明的比例",
        ),
    ),
    "execution_accuracy": Metric(
        Bilingual("execution accuracy", "执行准确率"),
        PERCENT,
        Bilingual(
            "the share of written queries that find what the reference query finds",
            "所写查询的执行结果与参考查询一致的比例",
        ),
    ),
    "query_runs": Metric(
        Bilingual("queries that run", "可执行的查询"),
        PERCENT,
        Bilingual(
            "the share of written queries that run without an error",
            "所写查询能够无误执行的比例",
        ),
    ),
    "query_match": Metric(
        Bilingual("same query", "查询一致率"),
        PERCENT,
        Bilingual(
            "the share of written queries that are the reference but for names of variables, "
            "prefixes and spaces",
            "除变量名、前缀和空白外与参考查询相同的比例",
        ),
    ),
    "query_terms_f1": Metric(
        Bilingual("query terms F1", "查询要素 F1"),
        PERCENT,
        Bilingual(
            "the overlap of the entities and relations that the written and the reference query "
            "name; no proof of a right answer",
            "所写查询与参考查询中实体和关系的重合度；不能证明结果正确",
        ),
    ),
    "sentence_chrf_pp": Metric(
        Bilingual("chrF++ by item", "逐句 chrF++"),
        PERCENT,
        Bilingual(
            "the overlap of runs of characters and words with the reference, averaged over items",
            "与参考译文在字符片段和词片段上的重合度，按题平均",
        ),
    ),
    "chrf_pp": Metric(
        Bilingual("corpus chrF++", "语料 chrF++"),
        PERCENT,
        Bilingual(
            "chrF++ counted over all translations together",
            "在全部译文上统一统计的 chrF++",
        ),
    ),
    "bleu": Metric(
        Bilingual("corpus BLEU", "语料 BLEU"),
        PERCENT,
        Bilingual(
            "BLEU over all translations together; Chinese is cut into characters",
            "在全部译文上统一统计的 BLEU；中文按字切分",
        ),
    ),
    "untranslated": Metric(
        Bilingual("left untranslated", "未翻译率"),
        PERCENT,
        Bilingual(
            "the share of answers that are empty or in the wrong script",
            "译文为空或文字种类不对的比例",
        ),
    ),
    "constraints_met": Metric(
        Bilingual("instructions met", "指令满足率"),
        PERCENT,
        Bilingual(
            "the share of all checkable instructions (length, words, form, language) that are met",
            "可程序检查的要求（长度、用词、格式、语言）中得到满足的比例",
        ),
    ),
    "all_constraints_met": Metric(
        Bilingual("texts that meet all instructions", "全部指令满足率"),
        PERCENT,
        Bilingual(
            "the share of texts that meet every one of their instructions",
            "满足自身全部要求的文本所占的比例",
        ),
    ),
    "distinct_1": Metric(
        Bilingual("distinct-1", "distinct-1"),
        PERCENT,
        Bilingual(
            "different characters or words over all of them; higher is more varied",
            "不同的字词占全部字词的比例；越高越多样",
        ),
    ),
    "distinct_2": Metric(
        Bilingual("distinct-2", "distinct-2"),
        PERCENT,
        Bilingual(
            "different pairs of neighbouring characters or words over all of them",
            "不同的相邻字词对占全部相邻字词对的比例",
        ),
    ),
    "repetition_4": Metric(
        Bilingual("repetition (rep-4)", "重复率（rep-4）"),
        PERCENT,
        Bilingual(
            "the share of runs of four characters or words that came before in the same text",
            "同一文本中重复出现的四字词片段所占的比例",
        ),
    ),
    "units_written": Metric(
        Bilingual("length", "篇幅"),
        PLAIN,
        Bilingual(
            "characters (Chinese) or words written in an answer; neither way is better by itself",
            "回答的字数（中文）或词数；本身无所谓优劣",
        ),
    ),
    "accuracy_if_unparsed_right": Metric(
        Bilingual("accuracy, upper bound", "准确率上界"),
        PERCENT,
        Bilingual(
            "accuracy if every answer in which no value was found were right",
            "假设未能提取出结果的回答全部正确时的准确率",
        ),
    ),
}


def metric_of(name: str) -> Metric:
    """The words for a metric; an unknown one keeps its name and gets plain numbers."""
    plain = Bilingual.same(name.replace("_", " "))
    return METRICS.get(name) or Metric(plain, PLAIN, plain)


def p_value(p: float) -> str:
    """A p value as ``p = 0.031``; tiny ones as a bound."""
    if p < 0.0001:
        return "p < 0.0001"
    if p >= 0.995:
        return "p = 1.00"
    digits = max(2, 1 - math.floor(math.log10(p)))
    return f"p = {p:.{min(digits, 4)}f}"


def level(alpha: float) -> str:
    """One minus alpha as a percentage: 95%."""
    return f"{100 * (1 - alpha):.10g}%"
