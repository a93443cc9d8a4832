"""Recommendation."""

from leitai.comparison.metric_words.metric import Metric
from leitai.comparison.wording import PERCENT, PLAIN, Bilingual

RECOMMENDATION: dict[str, Metric] = {
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
}
