"""Public sets that are more than a label table: a file each, with its readers and templates."""

from leitai.data.public import PublicSet
from leitai.data.sets import (
    crosswoz,
    exams,
    fewclue,
    knowledge_graphs,
    open_questions,
    plain_texts,
    ratings,
    sgd,
    squad_format,
    translations,
    word_problems,
)

READ_BY_VIEW: tuple[PublicSet, ...] = (
    squad_format.CMRC2018,
    squad_format.DRCD,
    squad_format.XQUAD,
    open_questions.NQ_OPEN,
    knowledge_graphs.QALD10,
    knowledge_graphs.LCQUAD,
    knowledge_graphs.KDCONV,
    translations.WMT,
    translations.NTREX,
    translations.TATOEBA,
    fewclue.FEWCLUE,
    exams.MMLU,
    exams.CMMLU,
    exams.CEVAL,
    exams.AGIEVAL,
    word_problems.GSM8K,
    word_problems.CMATH,
    word_problems.APE210K,
    plain_texts.LM_TEXT_EN,
    plain_texts.LM_TEXT_ZH,
    plain_texts.CHINESE_POETRY,
    crosswoz.CROSSWOZ,
    sgd.SGD,
    ratings.MOVIELENS,
    ratings.GOODBOOKS,
)
"""All of them, in the order in which they are listed to users."""
