"""What a turn tells beside the order, parcel or case that it names by its number.

A number says so loudly whose business a turn is that nothing else is heard: a kettle that caught
fire is an accident with and without the order that it came with.
"""

import re
from collections.abc import Iterator
from typing import Final

# The number and what it is a number of, with the words that tie it to the rest.
_RECORD: Final = re.compile(
    r"(?:\b(?:from|of|in|with|on|for|under|about|regarding|re) )?(?:\b(?:my|the|our|this) )?"
    r"\b(?:order|parcel|package|shipment|delivery|invoice|booking|ticket|case|claim|rma|repair)\b"
    r"(?: (?:number|no|nr|id)\b\.?)?[ :#]{0,3}[a-z]{0,3}-?\d{3,20}\b[,:;]?"
    r"|(?:我的?)?(?:订单|快递|包裹|运单|工单|单号|发票)(?:编?号)?[ :：#是为]{0,3}"
    r"[a-z]{0,3}-?\d{3,20}[里中上]?的?[，,：:]?",
    re.IGNORECASE,
)
_CLAUSE_END: Final = re.compile(r"[,;，；、]|\b(?:and|but)\b", re.IGNORECASE)


def iter_clauses_beside_records(text: str) -> Iterator[str]:
    """Yield the clauses of a turn without its numbered records; nothing where it names none.

    >>> list(iter_clauses_beside_records("My kettle from order 12345 caught fire, what now?"))
    ['My kettle caught fire', 'what now?']
    >>> list(iter_clauses_beside_records("The kettle is hot, what now?"))
    []
    """
    bare, records = _RECORD.subn(" ", text)
    if not records:
        return
    for clause in _CLAUSE_END.split(bare):
        if words := " ".join(clause.split()):
            yield words
