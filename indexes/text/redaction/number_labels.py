"""What the words before a number say that it is: a phone, a card, an order, an article.

A label counts where nothing but a few fillers ("number is", ":", "号是") stands between it and the
number, so that it speaks of this number and of no other.
"""

import re

_REACH = 48  # characters before a number in which its label ends
_FILLERS = (
    r"(?:[ \t.:#='\"(\u201c\u2018<+*-]|号码|号|是|为|了|的|(?<![a-z])(?:number|numbers|no|nr|num|id"
    r"|code|is|was|are|on|at|to|me|us|him|her|them|back|the|my|it|be|should|changed|from)(?![a-z])){0,8}"
)
PHONE_LABEL = re.compile(
    r"(?![\W\d])(?:(?<![a-z])(?:"
    r"phones?|tel|telephone|mobile|cell|cellphone|call|calls|called|ring|rang|text(?! ?=)"
    r"|texted|dial|dialled|fax|whatsapp|signal|wechat|sms|reach|landline|handset"
    r"|my numbers?|his numbers?|her numbers?"
    r")(?![a-z])|(?:"
    r"电话|手机|座机|固话|致电|拨打|请打|拨|联系|微信|回电|来电|短信|传真"
    r"|打"
    rf")){_FILLERS}",
    re.IGNORECASE,
)
CARD_LABEL = re.compile(
    r"(?![\W\d])(?:(?<![a-z])(?:"
    r"cards?|credit|debit|visa|mastercard|amex|maestro|unionpay|paid with|pan"
    r")(?![a-z])|(?:"
    r"卡|卡号|银行卡|信用卡|储蓄卡|借记卡|银联"
    rf")){_FILLERS}\Z",
    re.IGNORECASE,
)
IDENTITY_LABEL = re.compile(
    r"(?![\W\d])(?:(?<![a-z])(?:"
    r"id cards?|identity cards?|identity|national id|resident id|citizen id"
    r")(?![a-z])|(?:"
    r"身份证|证件|身份|实名"
    rf")){_FILLERS}\Z",
    re.IGNORECASE,
)
PASSPORT_LABEL = re.compile(
    r"(?![\W\d])(?:(?<![a-z])(?:"
    r"passports?"
    r")(?![a-z])|(?:"
    r"护照"
    rf")){_FILLERS}\Z",
    re.IGNORECASE,
)
POSTCODE_LABEL = re.compile(
    r"(?![\W\d])(?:(?<![a-z])(?:"
    r"zip|zipcode|postcode|postal"
    r")(?![a-z])|(?:"
    r"邮编|邮政编码"
    rf")){_FILLERS}\Z",
    re.IGNORECASE,
)
REFERENCE_LABEL = re.compile(
    r"(?![\W\d])(?:(?<![a-z])(?:"
    r"orders?|tracking|parcel|shipment|consignment|invoices?|bill|serials?|s/n|sn|sku"
    r"|part|parts|isbn|ean|upc|gtin|barcode|model|tickets?|case|cases|ref|reference"
    r"|version|build|batch|lot|po|error|imei|imsi|iccid|sim|articles?|items?|products?"
    r"|epoch|timestamp|trace|request|contract|quote|claim|policy|transaction|txn"
    r"|checksum|hash|port|quantity|qty"
    r")(?![a-z])|(?:"
    r"订单|单|运单|快递|物流|序列|编|型|流水|版本|货|条码|条形码|批|批次"
    r"|发票|工单|合同|物料|错误|报错|代码|案件|商品|商品编|设备|书|交易"
    r"|时间戳|请求|数量|金额|凭证|保单|IMEI|ICCID|ISBN|SN"
    rf")){_FILLERS}\Z",
    re.IGNORECASE,
)


def has_label(label: re.Pattern[str], text: str, position: int) -> bool:
    """Tell whether a label stands directly before a position of a folded text.

    >>> has_label(CARD_LABEL, "my card number is 5", 18), has_label(CARD_LABEL, "order 5", 6)
    (True, False)
    """
    return label.search(text, max(0, position - _REACH), position) is not None
