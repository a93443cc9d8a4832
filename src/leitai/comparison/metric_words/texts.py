"""Translation and writing."""

from leitai.comparison.metric_words.metric import Metric
from leitai.comparison.wording import PERCENT, PLAIN, Bilingual

TEXTS: dict[str, Metric] = {
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
}
