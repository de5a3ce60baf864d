"""The HTTP application: routes, middleware, and background tasks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI
from starlette.types import ASGIApp

import ragdesk
from indexes.errors import ModelMissing
from ingest.job_report import JobReport
from ragdesk.assemble import Workspace
from ragdesk.collection_removal import remove_published_collection
from ragdesk.errors import error_status
from ragdesk.metrics import Metrics
from ragdesk.request_context import Tracer
from ragdesk.settings import Settings
from ragdesk.support.chat_channels.chat_store import ChatStore
from ragdesk.support.encryption import TextCipher
from ragdesk.support.key_store import KeyStore
from ragdesk.support.learning.approval import APPROVED_SOURCE
from ragdesk.support.learning.learning_desk import LearningDesk
from ragdesk.support.lookups.lookup_desk import LookupDesk
from ragdesk.support.replicas.done_requests import DoneRequests
from ragdesk.support.replicas.request_digests import DESK_SECRET, make_request_digests
from ragdesk.support.sign_in.audit_log import AuditAction, note_audit
from ragdesk.support.sign_in.identity import open_identities
from ragdesk.support.sign_in.oidc_sign_in import OidcSignIn
from ragdesk.support.sign_in.request_counts import RequestCounts
from ragdesk.telemetry import make_slow_log, open_tracer
from ragdesk.web import (
    admin_routes,
    answer_caching,
    answers,
    audit_routes,
    case_routes,
    chunk_routes,
    collection_routes,
    conversation_events,
    conversations,
    document_access,
    document_pages,
    documents,
    generation_routes,
    handoff_hooks,
    handoffs,
    health_routes,
    insight,
    intent_routes,
    job_routes,
    key_routes,
    learning,
    lookup_routes,
    oidc_routes,
    page_look,
    person_routes,
    problems,
    retrieval_routes,
    session_routes,
    site_routes,
    visitor_routes,
    widget,
)
from ragdesk.web.auth import Authenticator, is_loopback
from ragdesk.web.auth_middleware import AuthMiddleware
from ragdesk.web.channels import channel_routes
from ragdesk.web.channels.chat_desk import ChatDesk
from ragdesk.web.idempotency import IdempotencyCache
from ragdesk.web.jobs import DocumentJob, JobQueue
from ragdesk.web.learning_state import make_learning_state
from ragdesk.web.limits import RequestLimits
from ragdesk.web.mcp import mcp_routes
from ragdesk.web.open_collections import START_WAIT, OpenCollections
from ragdesk.web.openai_api import chat_routes
from ragdesk.web.openai_api.openai_errors import OpenAiErrorTranslation
from ragdesk.web.openapi import DescribedApi
from ragdesk.web.page_options import PageLook
from ragdesk.web.proxies import ProxyMiddleware, TrustedProxies
from ragdesk.web.replica_state import ReplicaState, start_replica
from ragdesk.web.request_middleware import RequestMiddleware, SlotMiddleware
from ragdesk.web.request_slots import BodyArrivals, RequestSlots
from ragdesk.web.serve_options import ServeOptions
from ragdesk.web.server_state import ServerState
from ragdesk.web.support_state import make_support_state, make_text_cipher
from ragdesk.web.uploads import Uploads

# A document's parts before the document: its uri may hold anything.
ROUTERS = (
    answers.router,
    audit_routes.router,
    collection_routes.router,
    chunk_routes.router,
    job_routes.router,
    document_pages.router,
    documents.router,
    page_look.router,
    generation_routes.router,
    retrieval_routes.router,
    case_routes.router,
    chat_routes.router,
    key_routes.router,
    site_routes.router,
    admin_routes.router,
    health_routes.router,
    lookup_routes.router,
    conversation_events.router,
    conversations.router,
    handoff_hooks.router,
    handoffs.router,
    insight.router,
    intent_routes.router,
    learning.router,
    person_routes.router,
    oidc_routes.router,
    session_routes.router,
    visitor_routes.router,
    mcp_routes.router,
    channel_routes.router,
    widget.router,
)
ROUTES = tuple(
    sorted({getattr(route, "path", "") for router in ROUTERS for route in router.routes})
)
API_DESCRIPTION = "Answers from your own documents, with citations you can check."


class DeskApi(DescribedApi):
    """The app. What only its outermost layer answers is translated, too: an unexpected error.

    It is counted and logged with its request as well, and its reply has the safe headers.
    """

    def build_middleware_stack(self) -> ASGIApp:
        """Return all layers of the app, within the ones that translate errors and count."""
        stack = OpenAiErrorTranslation(super().build_middleware_stack())
        return RequestMiddleware(stack, self.state.metrics, self.state.tracer)


def build_app(workspace: Workspace, keys: KeyStore, *, upkeep: bool = True) -> FastAPI:
    """Make the app of a home; ``keys`` are its caller's. upkeep: it ages what is kept, too."""
    options = workspace.settings.serve
    authenticator = _make_authenticator(workspace.settings, keys)
    limits = _make_limits(workspace.settings, keys, authenticator)
    metrics = Metrics(ROUTES, make_slow_log(workspace.settings.telemetry.slow_seconds))
    tracer = open_tracer(workspace.settings.telemetry)
    open_collections = _make_open_collections(workspace, metrics)
    cipher = make_text_cipher(workspace.settings.support)
    learning_state = make_learning_state(workspace, keys.database, cipher)
    run_job = _make_job_runner(workspace, open_collections, authenticator, learning_state.desk)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        uploads = Uploads(workspace.home)
        support = make_support_state(workspace, keys.database, cipher, open_collections, metrics)
        app.state.end_streams = support.streams.end  # for whoever stops it: they have no end
        replicas = start_replica(keys.database, cipher)
        jobs = JobQueue(run_job, limit=options.max_jobs, metrics=metrics, shared=replicas.jobs)
        state = ServerState(
            options=options,
            gate=authenticator,
            open_collections=open_collections,
            jobs=jobs,
            uploads=uploads,
            metrics=metrics,
            secret=keys.get_secret("cursor"),
            support=support,
            remove_collection=_make_removal(workspace, open_collections),
            learning_state=learning_state,
            page_look=PageLook.from_options(workspace.settings.page),
            redacts_documents=workspace.settings.redaction.ingest,
            workspace=workspace,
            limits=limits,
            writes_with_model=workspace.engine is not None,
            answer_cache=answer_caching.make_answer_cache(workspace, metrics),
            oidc=OidcSignIn(workspace.settings.sign_in, keys.database),
            lookups=_make_lookups(workspace.settings, keys, metrics),
            replicas=replicas,
            idempotency=_make_idempotency(keys, cipher, replicas),
        )
        app.state.desk = state
        async with contextlib.AsyncExitStack() as ending:  # backwards, whatever one of them raises
            _close_at_end(ending, state, tracer)
            await _load_model(app, workspace)
            await asyncio.to_thread(open_collections.refresh_all, START_WAIT)
            _start_background(ending, app, upkeep=upkeep)
            state.ready = True
            try:
                yield
            finally:
                state.ready = False

    app = _make_app(lifespan, metrics, tracer)
    app.state.origins = {}  # of the settings: whoever reads them says where each came from
    _add_middleware(app, options)
    _add_gate(app, options.root_path, authenticator, limits)
    return app


async def _load_model(app: FastAPI, workspace: Workspace) -> None:
    """Load the language model that runs in this process."""
    try:
        await workspace.start()
    except ModelMissing as error:
        app.state.failed = error  # for whoever runs the server: it tells no one else
        raise


def _add_gate(app: FastAPI, root_path: str, gate: Authenticator, limits: RequestLimits) -> None:
    """Add what decides who comes in, behind what proxies say of them."""
    app.state.gate = gate
    app.add_middleware(AuthMiddleware, gate=gate, limits=limits, root_path=root_path)
    app.add_middleware(ProxyMiddleware, root_path=root_path, proxies=gate.proxies)


def _add_middleware(app: FastAPI, options: ServeOptions) -> None:
    """Add what is around the routes, inside the gate."""
    app.state.options = options
    app.state.arriving = BodyArrivals(options.max_arriving)
    app.state.uploading = BodyArrivals(options.max_uploads)
    problems.install_error_handlers(app)
    app.add_middleware(SlotMiddleware, places=RequestSlots(options.max_in_flight))
    app.add_middleware(health_routes.PageFiles)


def _close_at_end(
    ending: contextlib.AsyncExitStack, state: ServerState, tracer: Tracer | None
) -> None:
    """Have what a server opened closed at its end, the last of these first."""
    seconds = state.options.drain_seconds
    if tracer is not None:
        ending.push_async_callback(asyncio.to_thread, tracer.close)
    ending.push_async_callback(state.workspace.close)
    ending.push_async_callback(state.replicas.close)
    ending.callback(state.open_collections.close)
    ending.callback(state.uploads.close)
    ending.callback(state.lookups.close)
    ending.callback(state.gate.threads.shutdown)
    ending.push_async_callback(asyncio.to_thread, state.page_images.close)
    ending.push_async_callback(asyncio.to_thread, state.jobs.close, seconds)
    ending.push_async_callback(state.support.close, seconds)


def _start_background(ending: contextlib.AsyncExitStack, app: FastAPI, *, upkeep: bool) -> None:
    """Begin what runs beside the requests, until the server ends."""
    state: ServerState = app.state.desk
    app.state.chat_desk = chats = ChatDesk(
        state,
        state.workspace.settings.channels,
        ChatStore(state.database, state.support.cipher),
        app.state.tracer,
    )
    jobs = [
        state.open_collections.watch(),
        answer_caching.watch_dislikes(state),
        answer_caching.watch_erasures(state),
    ]
    if upkeep:
        state.support.start()
        days = state.workspace.settings.sign_in.audit_days
        jobs += [
            audit_routes.keep_audit(state.database, days),
            state.learning_state.watch_surges(),
        ]
    for work in jobs:
        ending.push_async_callback(_cancel_task, asyncio.create_task(work))
    if upkeep:
        chats.start()
        ending.push_async_callback(chats.close, state.options.drain_seconds)


def _make_job_runner(
    workspace: Workspace,
    open_collections: OpenCollections,
    gate: Authenticator,
    learning: LearningDesk,
) -> Callable[[DocumentJob], JobReport]:
    """Make the function that puts or removes a document, and notes who did it. It blocks."""

    def run_job(job: DocumentJob) -> JobReport:
        action: AuditAction = "document.remove" if job.body is None else "document.put"
        database, target = gate.identities.keys.database, f"{job.collection}/{job.uri}"
        try:
            open_collections.volume.check()
            admit = document_access.make_admission(job, gate.reauthenticate(job.owner))
            report = workspace.change_document(job.collection, job.uri, job.body, admit, job.source)
        except Exception as error:
            note_audit(database, job.owner, action, target, error_status(error).code)
            raise
        open_collections.refresh(job.collection)  # who waits for the job reads what it wrote
        note_audit(database, job.owner, action, target)
        if job.source == APPROVED_SOURCE and job.body is not None:
            learning.note_published(job.uri, workspace.collection_folder(job.collection))
        return report

    return run_job


def _make_removal(workspace: Workspace, open_collections: OpenCollections) -> Callable[[str], None]:
    """Make the function that removes a collection and ends its serving. It blocks."""

    def remove_collection(name: str) -> None:
        open_collections.volume.check()
        remove_published_collection(workspace, name)
        open_collections.refresh(name)

    return remove_collection


def _make_authenticator(settings: Settings, keys: KeyStore) -> Authenticator:
    options = settings.serve
    return Authenticator(
        open_identities(keys, settings.sign_in),
        is_loopback(options.host),
        frozenset(options.allowed_hosts),
        TrustedProxies(options.trusted_proxies),
        options.max_unauthenticated,
    )


def _make_idempotency(
    keys: KeyStore, cipher: TextCipher, replicas: ReplicaState
) -> IdempotencyCache:
    return IdempotencyCache(
        shared=replicas.responses,
        deeds=DoneRequests(keys.database),
        digests=make_request_digests(cipher, keys.get_secret(DESK_SECRET)),
    )


def _make_limits(settings: Settings, keys: KeyStore, gate: Authenticator) -> RequestLimits:
    counts = RequestCounts(keys.database)
    return RequestLimits(settings.limits, counts, gate.threads, shared=keys.database.is_shared)


def _make_lookups(settings: Settings, keys: KeyStore, metrics: Metrics) -> LookupDesk:
    return LookupDesk(settings.lookups, RequestCounts(keys.database), metrics.record_lookup)


def _make_open_collections(workspace: Workspace, metrics: Metrics) -> OpenCollections:
    seconds = workspace.settings.serve.poll_seconds
    retry_seconds = workspace.settings.serve.retry_seconds
    return OpenCollections(
        workspace.home,
        workspace.open_collection,
        metrics,
        seconds=seconds,
        retry_seconds=retry_seconds,
        restrict=workspace.restrict_access,
    )


def _make_app(
    lifespan: Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]],
    metrics: Metrics,
    tracer: Tracer | None,
) -> FastAPI:
    app = DeskApi(
        title="ragdesk",
        version=ragdesk.__version__,
        description=API_DESCRIPTION,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # an address with one slash too many is none
        lifespan=lifespan,
    )
    for router in ROUTERS:
        app.include_router(router)
    app.state.metrics, app.state.tracer = metrics, tracer  # for the outermost layer
    return app


async def _cancel_task(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
