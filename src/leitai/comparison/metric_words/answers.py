"""Questions, and queries of a graph."""

from leitai.comparison.metric_words.metric import Metric
from leitai.comparison.wording import PERCENT, Bilingual

ANSWERS: dict[str, Metric] = {
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
    "accuracy_if_unparsed_right": Metric(
        Bilingual("accuracy, upper bound", "准确率上界"),
        PERCENT,
        Bilingual(
            "accuracy if every answer in which no value was found were right",
            "假设未能提取出结果的回答全部正确时的准确率",
        ),
    ),
}
