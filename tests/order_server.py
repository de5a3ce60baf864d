"""A small order system, as a shop's own would be: who asks for whom decides what it says.

    with OrderServer() as server: server.url, server.server.requests

``GET /orders/{number}?customer={sub}``, with the shop's token. Another customer's order is a 403, one
that is not there a 404; ``extra`` are fields of every order, ``answer`` replaces all of it.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from small_server import SmallReply, SmallRequest, SmallServer

from ragdesk.support.lookups.lookup_options import LookupOptions

SHOP_TOKEN = "Bearer shop-secret-of-the-test"  # noqa: S105, a sample
ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "12345": ("mia@shop.example", {"status": "in_transit", "eta": {"day": "2 December"}}),
    "67890": ("noah@shop.example", {"status": "delivered", "eta": {"day": "1 December"}}),
    "11111": ("mia@shop.example", {"status": "packed"}),
}
ORDER_LOOKUP = LookupOptions(
    url="https://orders.example/orders/{value}?customer={sub}",
    pattern="{digits:5-10}",
    words=("order", "parcel", "订单", "包裹"),
    answer={
        "en": "Order {value} is {status}[, expected on {eta.day}].",
        "zh": "订单 {value} 的状态是{status}[，预计 {eta.day} 送达]。",
    },
    terms={"en": {"in_transit": "on its way"}, "zh": {"in_transit": "运输中", "packed": "已打包"}},
    title={"en": "Order status", "zh": "订单状态"},
    headers={"Authorization": SHOP_TOKEN},
    seconds=1.0,
)


class Orders:
    """Answers for some orders. delays: seconds by status of the reply."""

    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}
        self.delays: dict[int, float] = {}

    def __call__(self, request: SmallRequest) -> SmallReply:
        status, body = self._find(request)
        time.sleep(self.delays.get(status, 0.0))
        return SmallReply(
            status=status,
            body=json.dumps(body, ensure_ascii=False).encode(),
            headers={"content-type": "application/json"},
        )

    def _find(self, request: SmallRequest) -> tuple[int, dict[str, Any]]:
        if request.headers.get("authorization") != SHOP_TOKEN:
            return 401, {}
        owner, order = ORDERS.get(request.path.removeprefix("/orders/"), ("", {}))
        if not owner:
            return 404, {"error": "no such order"}
        if owner != request.query.get("customer"):
            return 403, {"error": f"order of {owner}"}
        return 200, {"number": request.path.rpartition("/")[2], **order, **self.extra}


@contextlib.contextmanager
def order_server(
    answer: Callable[[SmallRequest], SmallReply] | None = None, **changes: Any
) -> Iterator[tuple[SmallServer, LookupOptions]]:
    """Start the order system, and give the settings of a lookup in it."""
    with SmallServer(answer or Orders()) as server:
        url = ORDER_LOOKUP.url.replace("https://orders.example", server.url)
        yield server, replace(ORDER_LOOKUP, **{"url": url, **changes})
