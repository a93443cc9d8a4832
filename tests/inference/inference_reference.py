"""Small language models of every family with random weights, written to folders."""

from random_weights import write_random_weights

from leitai.text import Chat, Tokenizer, train_tokenizer, write_scratch_text_files

TEXTS = [
    "Where is my order? It should have arrived on Monday, but the parcel is not here.",
    "Can I return the book I bought last week and get my money back?",
    "The invoice shows the wrong address. Please send it again, thank you!",
    "我的订单在哪里？本来星期一就应该到了，但是包裹还没有来。",
    "我可以退掉上周买的书，把钱退回来吗？谢谢！",
    "发票上的地址写错了，请重新发一份。推荐一本好看的小说吧。",
    "def add(a, b):\n    return a + b  # 1234567890 🙂🎉",
] * 3
CONTEXT = 256


def make_checkpoint(family, folder, *, seed=0, scale=0.25):
    """Write a complete checkpoint whose next-token distributions are far from uniform."""
    tokenizer = train_tokenizer(TEXTS, family, 420)
    write_scratch_text_files(tokenizer, family, folder)
    chat = Chat.from_folder(folder, Tokenizer.from_folder(folder))
    eos = list(chat.stop_ids)
    write_random_weights(
        family, folder, tokenizer, context=CONTEXT, eos=eos, seed=seed, scale=scale
    )
    return folder
