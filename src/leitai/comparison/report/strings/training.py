"""Learning, the search of settings, and cost: key -> (English, Chinese)."""

TABLE: dict[str, tuple[str, str]] = {
    "learning": ("Learning curves", "学习曲线"),
    "learning_intro": (
        "Loss in nats per target token. Tokenizers cut text differently, so compare shapes "
        "(still falling, flat, rising again), not heights.",
        "损失以每个目标词元的奈特计。各分词器切分不同，因此只宜比较走势"
        "（仍在下降、已平、回升），不宜比较高低。",
    ),
    "not_trained": (
        "The contenders were compared as they are; nothing was trained.",
        "各方按原样比较，没有训练。",
    ),
    "no_curve": ("Not trained: {names}.", "未训练：{names}。"),
    "curve_legend": (
        "thin: training, bold: validation, ring: best",
        "细线：训练，粗线：验证，圆圈：最佳",
    ),
    "best_step": ("best, step {step}", "最佳，第 {step} 步"),
    "step": ("step", "步"),
    "search": ("Search of settings", "参数搜索"),
    "search_intro": (
        "Each side tried the same {count} settings, drawn before the run from the same ranges, and "
        "chose on its validation rows by {metric} ({direction}). Arrows go from rung to rung of "
        "successive halving. Scores of different sides are not to be compared here: the choice is "
        "made within a side.",
        "各方试用同样的 {count} 组设置（运行前从相同范围抽取），"
        "各自在验证集上按{metric}（{direction}）选择。箭头表示逐级减半的各级。此处各方的分值不宜互相比较，选择只在各方内部进行。",
    ),
    "learning_rate": ("Learning rate", "学习率"),
    "rank": ("Rank", "秩"),
    "epochs": ("Epochs", "轮数"),
    "chosen": ("{score} ✓ chosen", "{score} ✓ 选用"),
    "diverged": ("diverged", "发散"),
    "by_loss": ("loss", "损失"),
    "by_accuracy": ("accuracy", "准确率"),
    "by_exact_match": ("exact match", "完全匹配率"),
    "by_chrf": ("chrF", "chrF 值"),
    "trial": ("Trial", "试验"),
    "cost": ("Cost", "成本"),
    "cost_intro": (
        "Measured on this machine in this run. The better side of each line is in bold, "
        "unless they differ by less than 1%.",
        "均为本次运行在本机的实测。每行中较优的一方以粗体标出（相差不足 1% 时不标）。",
    ),
    "quantity": ("Quantity", "项目"),
    "ratio": ("B ÷ A", "B ÷ A"),
    "train_seconds": ("Training time", "训练时间"),
    "search_seconds": ("Time of the search", "搜索时间"),
    "train_tokens": ("Tokens trained on", "训练词元数"),
    "score_seconds": ("Scoring time", "评测时间"),
    "items_per_second": ("Items scored per second", "每秒评测题数"),
    "peak_memory": ("Peak memory", "内存峰值"),
    "trainable_parameters": ("Trainable parameters", "可训练参数"),
    "total_parameters": ("All parameters", "全部参数"),
    "vocabulary": ("Vocabulary", "词表大小"),
    "characters_per_token": ("Characters per token: {language}", "每词元字符数：{language}"),
}
