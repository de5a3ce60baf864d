"""What the words before a number say that it is: a phone, a card, an order, an article.

A label counts where nothing but a few fillers ("number is", ":", "号是") stands between it and the
number, so that it speaks of this number and of no other.
"""

import re

_REACH = 48  # characters before a number in which its label ends
_FILLER = (
    r"(?:[ \t.:#='\"(\u201c\u2018<+*-]|号码|号|是|为|了|的|(?<![a-z])(?:number|numbers|no|nr|num|id"
    r"|code|is|was|are|on|at|to|me|us|him|her|them|back|the|my|it|be|should|changed|from)(?![a-z]))"
)


def _compile_label(words: str, han: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?<![a-z])(?:{words})(?![a-z])|(?:{han})){_FILLER}{{0,8}}\Z", re.I)


PHONE_LABEL = _compile_label(
    r"phones?|tel|telephone|mobile|cell|cellphone|call|calls|called|ring|rang|text|texted|dial"
    r"|dialled|fax|whatsapp|signal|wechat|sms|reach|landline|handset|my numbers?|his numbers?"
    r"|her numbers?",
    r"电话|手机|座机|固话|致电|拨打|请打|拨|联系|微信|回电|来电|短信|传真|打",
)
CARD_LABEL = _compile_label(
    r"cards?|credit|debit|visa|mastercard|amex|maestro|unionpay|paid with|pan",
    r"卡|卡号|银行卡|信用卡|储蓄卡|借记卡|银联",
)
IDENTITY_LABEL = _compile_label(
    r"id cards?|identity cards?|identity|national id|resident id|citizen id",
    r"身份证|证件|身份|实名",
)
PASSPORT_LABEL = _compile_label(r"passports?", r"护照")
POSTCODE_LABEL = _compile_label(r"zip|zipcode|postcode|postal", r"邮编|邮政编码")
OTHER_LABEL = _compile_label(
    r"orders?|tracking|parcel|shipment|consignment|invoices?|bill|serials?|s/n|sn|sku|part|parts"
    r"|isbn|ean|upc|gtin|barcode|model|tickets?|case|cases|ref|reference|version|build|batch|lot"
    r"|po|error|imei|imsi|iccid|sim|articles?|items?|products?|epoch|timestamp|trace|request"
    r"|contract|quote|claim|policy|transaction|txn|checksum|hash|port|quantity|qty",
    r"订单|单|运单|快递|物流|序列|编|型|流水|版本|货|条码|条形码|批|批次|发票|工单|合同|物料|错误|报错"
    r"|代码|案件|商品|商品编|设备|书|交易|时间戳|请求|数量|金额|凭证|保单|IMEI|ICCID|ISBN|SN",
)


def has_label(label: re.Pattern[str], text: str, position: int) -> bool:
    """Tell whether a label stands directly before a position of a folded text.

    >>> has_label(PHONE_LABEL, "my phone number is 5", 19), has_label(PHONE_LABEL, "order 5", 6)
    (True, False)
    """
    return label.search(text, max(0, position - _REACH), position) is not None
