"""The claims of the article, as data: what is said, how it is tested, what that does not show."""

from collections.abc import Callable
from dataclasses import dataclass

from leitai.comparison.suites.article import (
    causality,
    few_labels,
    instructions,
    languages,
    parameters,
    rates,
    sizes,
    stopping,
)
from leitai.comparison.suites.article.bench import Bench
from leitai.comparison.suites.article.findings import Finding
from leitai.comparison.wording import Bilingual


@dataclass(frozen=True)
class Claim:
    """Something that the article says.

    Attributes:
        id: what ``--only`` takes.
        says: the claim in our words.
        test: what the experiment does.
        limits: what it does not show.
        measure: the experiment.
    """

    id: str
    says: Bilingual
    test: Bilingual
    limits: Bilingual
    measure: Callable[[Bench], list[Finding]]


_SMALL = Bilingual(
    "Nano models made here say little about published checkpoints of billions of parameters.",
    "这里训练的 nano 模型很难代表数十亿参数的已发布模型。",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "autoencoder",
        Bilingual(
            "Llama 3 is made by OpenAI and is an autoencoder.", "Llama 3 是 OpenAI 的自编码器模型。"
        ),
        Bilingual(
            "Change a later token and see whether earlier outputs change, in both families' "
            "architectures and under attention opened to both sides.",
            "改动后面的一个词元，看前面位置的输出是否变化；两个家族的架构都测，并以双向注意力作对照。",
        ),
        Bilingual(
            "The direction of attention follows from the architecture, whatever the weights. The "
            "maker is no experiment: it is read in the model's report (arXiv 2407.21783).",
            "注意力方向由架构决定，与权重无关。"
            "作者不是实验结果，出自模型报告（arXiv 2407.21783）。",
        ),
        causality.measure,
    ),
    Claim(
        "languages",
        Bilingual(
            "Qwen is better at Chinese, Llama 3 at English.", "Qwen 擅长中文，Llama 3 擅长英文。"
        ),
        Bilingual(
            "Characters a token, and bits a byte of held-out questions, in both languages; without "
            "checkpoints of your own, both families' nano presets read the same text for the same "
            "steps.",
            "比较两种语言中每个词元的字符数，以及留出问题每字节的比特数；"
            "没有给出检查点时，两个家族的 nano 预设以相同步数读相同的文本。",
        ),
        Bilingual(
            "Presets trained alike show what architecture and pre-tokenisation do. What the "
            "makers' training texts do needs their checkpoints: --model-a and --model-b.",
            "同样训练的预设只反映架构和预分词的差别；官方训练语料的作用要用官方检查点来看："
            "--model-a 和 --model-b。",
        ),
        languages.measure,
    ),
    Claim(
        "few-labels",
        Bilingual(
            "With few labels, training a part is better than training everything.",
            "标注很少时，部分参数微调优于全参数微调。",
        ),
        Bilingual(
            "A nano model that replies, and names other intents, learns new ones from few labels: "
            "every weight, the top block, LoRA; each with a rate chosen on validation rows.",
            "会回复、也认得其他意图的 nano 模型用很少的标注学习新的意图："
            "全部权重、最上面一层、LoRA，学习率各自在验证集上选定。",
        ),
        Bilingual(
            _SMALL.en + " Rates were chosen under one seed, out of two.",
            _SMALL.zh + "学习率只在一个种子上从两个值中选定。",
        ),
        few_labels.measure,
    ),
    Claim(
        "early-stopping",
        Bilingual("Stopping early helps.", "提前停止有帮助。"),
        Bilingual(
            "The same few labels and seeds for long: with validation rows to stop by, and without.",
            "同样的少量标注和种子训练很久：一边用验证集提前停止，一边训练到底。",
        ),
        Bilingual(
            _SMALL.en + " The validation rows are not taken from the few labels.",
            _SMALL.zh + "验证集不占用那些少量标注。",
        ),
        stopping.measure,
    ),
    Claim(
        "learning-rate",
        Bilingual("Larger models need a smaller learning rate.", "模型越大，学习率应当越小。"),
        Bilingual(
            "A sweep of the rate for two sizes from random weights; the distance between the two "
            "best ones.",
            "对两种尺寸从随机权重扫描学习率，比较两者最佳值的距离。",
        ),
        Bilingual(
            _SMALL.en + " Short runs from random weights, four seeds; a best rate at "
            "the sweep's edge may lie beyond it.",
            _SMALL.zh + "只是从随机权重开始的短训练，四个种子；落在边缘的最佳值可能在范围之外。",
        ),
        rates.measure,
    ),
    Claim(
        "size-cost",
        Bilingual("Cost grows with size.", "成本随模型尺寸增长。"),
        Bilingual(
            "Parameters, operations and memory counted; a training step of nano and micro timed in "
            "turn; published sizes forecast by `leitai plan`.",
            "计算参数、运算量和内存；轮流测量 nano 和 micro 的一步训练；"
            "已发布尺寸由 `leitai plan` 预测。",
        ),
        Bilingual(
            "Seconds are this machine's, under whatever else it was doing; forecasts are not runs.",
            "秒数取决于本机当时的负载；预测不是实测。",
        ),
        sizes.measure,
    ),
    Claim(
        "instruction-tuning",
        Bilingual("Instruction tuning is what makes a model answer.", "指令微调使模型学会回答。"),
        Bilingual(
            "Held-out questions to a nano model that read plain text, one that read as many steps "
            "more, and one that learnt questions with replies instead; chrF of what they write.",
            "向三个 nano 模型提留出的问题：只读过纯文本、再读同样步数的纯文本、"
            "改学问答；比较所写回复的 chrF。",
        ),
        Bilingual(
            _SMALL.en + " Replies to learnt intents on new wordings, not answers to new subjects.",
            _SMALL.zh + "是对已学意图的新说法作答，而不是回答新的主题。",
        ),
        instructions.measure,
    ),
    Claim(
        "few-parameters",
        Bilingual(
            "LoRA, AdaLoRA and prefix-tuning train far fewer parameters.",
            "LoRA、AdaLoRA 和前缀微调训练的参数少得多。",
        ),
        Bilingual(
            "Trained parameters counted at published sizes under usual settings (below 1% is far "
            "fewer); accuracy of nano models after equal steps beside it.",
            "按常用设置计算已发布尺寸中受训练的参数（低于 1% 算少得多）；"
            "同时给出 nano 模型在相同步数后的准确率。",
        ),
        Bilingual(
            "Fewer trained parameters are not as much less time: the frozen weights are still "
            "computed. " + _SMALL.en,
            "训练参数少不等于时间同样少：冻结的权重仍要计算。" + _SMALL.zh,
        ),
        parameters.measure,
    ),
)
