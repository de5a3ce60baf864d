"""Turns of each kind that we wrote (``en.txt``, ``zh.txt``), and more that are made of them.

Questions are also made of frames and things, so that what stands in a turn and what is wanted of it
come apart: smoke is in detectors, grills and colours, too. Courtesies, letters in the wrong place
and other endings are put to a part of all turns.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexes.text.scripts import HAN_RUN
from ragdesk.answering.turns.turn_kind import TurnKind

SEED = 20261130
FOLDER = Path(__file__).parent
FRAMES = {
    "en": (
        "How do I {v} the {n}?",
        "how to {v} a {n}",
        "What does the {n} cost?",
        "Is the {n} covered by the warranty?",
        "where do I find the {n}",
        "how long does the {n} last",
        "Can I {v} the {n} myself?",
        "{n} {v}",
        "which {n} fits model 300",
        "what is the {n}",
        "When do I have to {v} the {n}?",
        "does the {n} need approval",
        "the {n} does not work",
        "Who can {v} the {n}?",
        "{n} dimensions",
        "is there a rule for the {n}",
        "Why do I have to {v} the {n}?",
        "What happens if I {v} the {n} too late?",
    ),
    "zh": (
        "怎么{v}{n}",
        "{n}多少钱",
        "{n}在保修范围内吗",
        "{n}在哪里",
        "{n}能用多久",
        "可以自己{v}{n}吗",
        "{n}{v}",
        "哪种{n}适合300型",
        "{n}是什么",
        "什么时候要{v}{n}",
        "{n}需要审批吗",
        "{n}不能用",
        "谁可以{v}{n}",
        "{n}尺寸",
        "关于{n}有什么规定",
        "{n}怎么{v}？",
        "为什么要{v}{n}",
        "{n}支持哪些型号",
    ),
}
_THING_NAMES = {
    "en": (
        "smoke detector|smoke alarm|fire extinguisher|fire door|fire blanket|firewall|gas stove|gas heater"
        "|shock absorber|burner|spark plug|alarm clock|alarm system|cutting mat|knife block|first aid kit"
        "|emergency light|heating pad|power bank|charger|oven|kettle|coffee machine|air fryer|hoover"
        "|complaint box|complaint form|garbage bag|junk folder|waste bin|feedback form|review page"
        "|contact person|agent seat|operator panel|human resources file|call centre headset|support plan"
        "|manager role|greeting card|welcome kit|farewell gift|thank-you voucher|goodbye party"
        "|order form|order history|tracking page|refund form|account settings|delivery note|invoice template"
        "|leave request|expense report|gift card|loyalty card|parcel locker|weather station|rain cover"
        "|joke book|music box|timer|translation service|robot vacuum|game console|movie voucher|song list"
        "|login page|database backup|query cache|user role|licence key|access badge|parking permit"
        "|travel policy|pension plan|training budget|company car|meeting room|tablet|headphones|monitor arm"
        "|hair dryer|e-bike|battery pack|sleeping bag|tent|desk lamp|dishwasher|water filter|safety vest"
    ),
    "zh": (
        "烟雾报警器|烟灰缸|打火机|灭火器|防火门|防火墙|燃气灶|煤气表|减震器|火花塞|闹钟|报警系统|切割垫|刀架"
        "|急救箱|应急灯|电热毯|充电宝|充电器|烤箱|水壶|咖啡机|空气炸锅|吸尘器|投诉箱|投诉表|垃圾袋|垃圾桶"
        "|意见箱|评价页面|联系人|客服坐席|操作面板|人事档案|客服耳机|人工费|经理权限|贺卡|欢迎礼包|欢送礼物"
        "|感谢卡|告别会|订单表|历史订单页面|物流查询页|退款申请表|账号设置|送货单|发票模板|请假单|报销单"
        "|礼品卡|会员卡|快递柜|气象站|雨罩|笑话书|音乐盒|定时器|翻译服务|扫地机器人|游戏机|电影券|歌单"
        "|登录页|数据库备份|查询缓存|用户角色|许可证|门禁卡|停车证|差旅制度|养老金计划|培训预算|公司车"
        "|会议室|平板|耳机|显示器支架|吹风机|电动车|电池组|睡袋|帐篷|台灯|洗碗机|滤水器|安全背心|火锅|烫斗"
    ),
}
THINGS = {language: names.split("|") for language, names in _THING_NAMES.items()}
_VERB_NAMES = {
    "en": "replace|clean|order|return|test|install|book|change|cancel|extend|reset|report|open|switch off",
    "zh": "更换|清洗|订购|退回|测试|安装|预订|修改|取消|延长|重置|申报|打开|关闭",
}
VERBS = {language: names.split("|") for language, names in _VERB_NAMES.items()}
LEADS = {
    "en": (
        "hi, ",
        "Hello, ",
        "hey ",
        "Good morning, ",
        "Hi there! ",
        "Thanks! ",
        "ok, ",
        "Thank you, but ",
    ),
    "zh": ("你好，", "您好，", "请问", "你好 ", "在吗，", "谢谢，", "好的，", "亲，"),
}
TAILS = {
    "en": (" thanks", ", please", " Thank you!", " thx", " pls", "??"),
    "zh": ("，谢谢", "呢", "？谢谢！", "啊", "，急", "？？"),
}


@dataclass(frozen=True, slots=True)
class TurnExample:
    """A turn, its language and kind. source: the turn of ours that it was made of."""

    text: str
    lang: str
    kind: TurnKind
    source: str


def read_examples() -> list[TurnExample]:
    """Read the turns that we wrote."""
    examples = []
    for lang in ("en", "zh"):
        kind = TurnKind.QUESTION
        for line in (FOLDER / f"{lang}.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                kind = TurnKind(line.strip("[]"))
            elif line.strip():
                examples.append(TurnExample(line, lang, kind, line))
    return examples


def make_questions() -> Iterator[TurnExample]:
    """Yield questions of a frame and a thing: each thing alone and in four frames, drawn by chance."""
    draw = random.Random(SEED)  # noqa: S311
    for lang, things in THINGS.items():
        for thing in things:
            for frame in ("{n}", *draw.sample(FRAMES[lang], 4)):
                text = frame.format(n=thing, v=draw.choice(VERBS[lang]))
                yield TurnExample(text, lang, TurnKind.QUESTION, f"{lang} {thing}")


def vary_examples(examples: list[TurnExample]) -> Iterator[TurnExample]:
    """Yield variants of turns: with courtesies, with a slip of the finger, with another ending."""
    draw = random.Random(SEED)  # noqa: S311
    for example in examples:
        text, lang = example.text, example.lang
        takes_lead = example.kind not in {TurnKind.GREETING, TurnKind.THANKS, TurnKind.GOODBYE}
        variants = []
        if takes_lead and draw.random() < 0.35:
            variants.append(draw.choice(LEADS[lang]) + text)
        if takes_lead and draw.random() < 0.25:
            variants.append(text.rstrip("?？.!！") + draw.choice(TAILS[lang]))
        if draw.random() < 0.3:
            variants.append(_slip(text, draw))
        if draw.random() < 0.2:
            variants.append(
                text.rstrip("?？.!！") if text[-1] in "?？.!！" else text + draw.choice("?!.!")
            )
        for variant in variants:
            if variant != text:
                yield TurnExample(variant, lang, example.kind, example.source)


def _slip(text: str, draw: random.Random) -> str:
    """Swap, drop or double one letter of a word."""
    places = [i for i in range(1, len(text) - 2) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places or HAN_RUN.search(text):
        return text
    at = draw.choice(places)
    return draw.choice(
        (
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
        )
    )
