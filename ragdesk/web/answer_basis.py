"""What an answer rests on, in words that every server of a desk would use."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from indexes.chunk import SearchFilter
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.web.server_state import server_state


def make_answer_basis(opened: OpenCollection, who: Principal) -> Hashable:
    """Return what an answer of this process depends on: open collection, access table, asker."""
    return (opened.opening_id, opened.index.make_mask(SearchFilter()).now, who)


def describe_basis(opened: OpenCollection, who: Principal) -> str:
    """Return a digest of what an answer depends on: generation, who may see what, and the asker."""
    index = opened.index
    now = index.make_mask(SearchFilter()).now
    generation = (opened.collection, index.generation, index.checksum)
    return digest_values((generation, index.access, now, who))


async def respond_once(
    request: Request,
    who: Principal,
    opened: OpenCollection,
    build_response: Callable[[], Awaitable[Response]],
) -> Response:
    """Respond with what is found in a collection, once an ``Idempotency-Key``.

    After a publish, or a change of rights, a retry is made anew. Raises what ``build_response`` and
    ``IdempotencyCache.get_or_make`` raise.
    """
    return await server_state(request).idempotency.get_or_make(
        request,
        who,
        hashlib.sha256(await request.body()).digest(),
        build_response,
        basis=make_answer_basis(opened, who),
        shared_basis=partial(describe_basis, opened, who),
    )


def digest_values(values: Any) -> str:
    """Return a digest of values, the same in every process: sets and mappings have no order.

    >>> digest_values({"a": frozenset({1, 2})}) == digest_values({"a": frozenset({2, 1})})
    True
    """
    return hashlib.sha256(json.dumps(_order(values)).encode()).hexdigest()


def _order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ["{", *sorted([json.dumps([_order(k), _order(v)]) for k, v in value.items()])]
    if isinstance(value, AbstractSet):
        return ["(", *sorted(json.dumps(_order(item)) for item in value)]
    if isinstance(value, list | tuple):
        return [_order(item) for item in value]
    if is_dataclass(value):
        return [_order(getattr(value, field.name)) for field in fields(value)]
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
