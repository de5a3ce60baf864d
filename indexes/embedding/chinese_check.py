"""Test whether an embedding model understands Chinese, by ten pairs of paraphrases."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

# Each pair says the same in other characters, so a model that only sees which characters two
# texts share, or sees them all as unknown, has nothing to go by.
CHINESE_PAIRS = (
    ("怎么把钱要回来？", "申请退款的步骤如下"),
    ("包裹几时能送到？", "一般三个工作日内完成配送"),
    ("我忘了登录口令", "点击“重置密码”即可找回账号"),
    ("机器出毛病了谁来修？", "保修期内由售后人员免费上门维护"),
    ("水壶里有白色硬块", "请定期用柠檬酸清除水垢"),
    ("能开收据给公司报销吗？", "支持开具增值税电子发票"),
    ("想换个大一号的鞋", "尺码不合适可在七天内调换商品"),
    ("积攒的点数会作废吗？", "会员积分有效期为两年"),
    ("今天会下雨吗？", "气象台预报午后有雷阵雨"),
    ("她是一位医生", "这名女士在医院给病人看病"),
)
LEAST_MATCHES = 8  # of ten; by chance one is right. all-MiniLM-L6-v2 gets two.


def count_matches(encode: Callable[[Sequence[str]], NDArray[np.float32]]) -> int:
    """Count the pairs of which the first is nearer to its second than to all other seconds."""
    vectors = encode([text for pair in CHINESE_PAIRS for text in pair])
    nearest = (vectors[0::2] @ vectors[1::2].T).argmax(axis=1)
    return int((nearest == np.arange(len(CHINESE_PAIRS))).sum())


def reads_chinese(encode: Callable[[Sequence[str]], NDArray[np.float32]]) -> bool:
    """Tell whether a model finds Chinese by its meaning. encode: n texts to (n, dim) vectors."""
    return count_matches(encode) >= LEAST_MATCHES
