"""The state of a server that its routes share."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from ragdesk.assemble import Workspace
from ragdesk.metrics import Metrics
from ragdesk.support.sign_in.oidc_sign_in import OidcSignIn
from ragdesk.web.auth import Authenticator
from ragdesk.web.idempotency import IdempotencyCache
from ragdesk.web.jobs import JobQueue
from ragdesk.web.limits import RequestLimits
from ragdesk.web.open_collections import OpenCollections
from ragdesk.web.serve_options import ServeOptions
from ragdesk.web.uploads import Uploads


@dataclass(slots=True, kw_only=True)
class ServerState:
    """The state of one server. ``secret`` signs cursors; ``ready`` holds from start to stop.

    remove_collection: removes one by its name, and blocks until it answers no more.
    writes_with_model: whether a language model writes the answers, which costs. started: when it
    was made, in Unix time.
    redacts_documents: personal data is to be taken out of documents, so no original is served.
    """

    options: ServeOptions
    gate: Authenticator
    open_collections: OpenCollections
    jobs: JobQueue
    uploads: Uploads
    metrics: Metrics
    secret: bytes
    remove_collection: Callable[[str], None]
    workspace: Workspace
    limits: RequestLimits
    writes_with_model: bool
    oidc: OidcSignIn
    started: float = field(default_factory=time.time)
    redacts_documents: bool = False
    idempotency: IdempotencyCache = field(default_factory=IdempotencyCache)
    ready: bool = False


def server_state(request: Request) -> ServerState:
    """Return the state of the server a request came to."""
    return cast("ServerState", request.app.state.desk)
