"""Customer service and dialogue."""

from leitai.comparison.metric_words.metric import Metric
from leitai.comparison.wording import BITS_PER_BYTE, PERCENT, Bilingual

SERVICE: dict[str, Metric] = {
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
}
