"""The state of a server that its routes share."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from ragdesk.answering.answer_cache.answer_cache import AnswerCache
from ragdesk.assemble import Workspace
from ragdesk.metrics import Metrics
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.database import Database
from ragdesk.support.insight.intent_labels import IntentLabelStore
from ragdesk.support.insight.surge_watch import SurgeWatch
from ragdesk.support.learning.learning_desk import LearningDesk
from ragdesk.support.lookups.lookup_desk import LookupDesk
from ragdesk.support.sign_in.oidc_sign_in import OidcSignIn
from ragdesk.web.auth import Authenticator
from ragdesk.web.idempotency import IdempotencyCache
from ragdesk.web.jobs import JobQueue
from ragdesk.web.learning_state import LearningState
from ragdesk.web.limits import RequestLimits
from ragdesk.web.open_collections import OpenCollections
from ragdesk.web.page_images import PageImages
from ragdesk.web.page_options import PageLook
from ragdesk.web.replica_state import ReplicaState
from ragdesk.web.serve_options import ServeOptions
from ragdesk.web.support_state import SupportState
from ragdesk.web.turn_recorder import TurnRecorder
from ragdesk.web.uploads import Uploads


@dataclass(slots=True, kw_only=True)
class ServerState:
    """The state of one server. ``secret`` signs cursors; ``ready`` holds from start to stop.

    remove_collection: removes one by its name, and blocks until it answers no more.
    writes_with_model: whether a language model writes the answers, which costs. answer_cache: None
    where settings keep no answers. started: when it was made, in Unix time.
    redacts_documents: personal data is to be taken out of documents, so no original is served.
    """

    options: ServeOptions
    gate: Authenticator
    open_collections: OpenCollections
    jobs: JobQueue
    uploads: Uploads
    metrics: Metrics
    secret: bytes
    support: SupportState
    remove_collection: Callable[[str], None]
    page_look: PageLook
    workspace: Workspace
    learning_state: LearningState
    limits: RequestLimits
    writes_with_model: bool
    answer_cache: AnswerCache | None
    oidc: OidcSignIn
    lookups: LookupDesk
    started: float = field(default_factory=time.time)
    redacts_documents: bool = False
    page_images: PageImages = field(default_factory=PageImages)
    replicas: ReplicaState = field(default_factory=ReplicaState)
    idempotency: IdempotencyCache = field(default_factory=IdempotencyCache)
    ready: bool = False

    @property
    def learning(self) -> LearningDesk:
        """Return the gaps and drafts."""
        return self.learning_state.desk

    @property
    def surges(self) -> SurgeWatch:
        """Return the surges of refusals and anger."""
        return self.learning_state.surges

    @property
    def database(self) -> Database:
        """Return the database of the home."""
        return self.support.database

    @property
    def conversations(self) -> ConversationStore:
        """Return the conversations that are kept."""
        return self.support.conversations

    @property
    def feedback(self) -> FeedbackStore:
        """Return what people think of answers."""
        return self.support.feedback

    @property
    def intent_labels(self) -> IntentLabelStore:
        """Return what agents say questions are about."""
        return self.support.intent_labels

    @property
    def recorder(self) -> TurnRecorder:
        """Return what keeps turns behind the answers."""
        return self.support.recorder


def server_state(request: Request) -> ServerState:
    """Return the state of the server a request came to."""
    return cast("ServerState", request.app.state.desk)
