"""The HTTP application: routes, middleware, and background tasks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

from fastapi import FastAPI

import ragdesk
from indexes.errors import ModelMissing
from ingest.job_report import JobReport
from ragdesk.assemble import Workspace
from ragdesk.collection_removal import remove_published_collection
from ragdesk.metrics import Metrics
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.identity import IdentityStore
from ragdesk.support.sign_in.session_store import CSRF_SECRET, SessionStore
from ragdesk.web import (
    answers,
    collection_routes,
    conversation_events,
    conversations,
    document_access,
    documents,
    handoff_hooks,
    handoffs,
    health_routes,
    person_routes,
    problems,
    schemas,
    session_routes,
)
from ragdesk.web.auth import Authenticator, AuthMiddleware, is_loopback
from ragdesk.web.jobs import DocumentJob, JobQueue
from ragdesk.web.open_collections import START_WAIT, OpenCollections
from ragdesk.web.openapi import DescribedApi
from ragdesk.web.request_middleware import RequestMiddleware, SlotMiddleware
from ragdesk.web.request_slots import BodyArrivals, RequestSlots
from ragdesk.web.serve_options import ServeOptions
from ragdesk.web.server_state import ServerState
from ragdesk.web.support_state import make_support_state, make_text_cipher
from ragdesk.web.uploads import Uploads

ROUTERS = (
    answers.router,
    collection_routes.router,
    conversation_events.router,
    conversations.router,
    documents.router,
    handoff_hooks.router,
    handoffs.router,
    health_routes.router,
    person_routes.router,
    session_routes.router,
)
ROUTES = tuple(
    sorted({getattr(route, "path", "") for router in ROUTERS for route in router.routes})
)
PROBLEM_RESPONSE = {"model": schemas.ProblemOut, "description": "A problem (RFC 9457)."}
API_DESCRIPTION = "Answers from your own documents, with citations you can check."


def build_app(workspace: Workspace, keys: KeyStore) -> FastAPI:
    """Make the app of a home. The caller closes ``keys``."""
    options = workspace.settings.serve
    authenticator = _make_authenticator(options, keys)
    metrics = Metrics(ROUTES)
    open_collections = _make_open_collections(workspace, metrics)
    cipher = make_text_cipher(workspace.settings.support)

    def run_job(job: DocumentJob) -> JobReport:
        open_collections.volume.check()
        admit = document_access.make_admission(job, authenticator.reauthenticate(job.owner))
        report = workspace.change_document(job.collection, job.uri, job.body, admit)
        open_collections.refresh(job.collection)  # who waits for the job reads what it wrote
        return report

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        uploads = Uploads(workspace.home)
        support = make_support_state(
            workspace.settings, keys.database, cipher, open_collections, metrics
        )
        app.state.end_streams = support.streams.end  # for whoever stops it: they have no end
        jobs = JobQueue(run_job, limit=options.max_jobs, metrics=metrics)
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
            redacts_documents=workspace.settings.redaction.ingest,
        )
        app.state.desk = state
        async with contextlib.AsyncExitStack() as ending:  # backwards, whatever one of them raises
            ending.push_async_callback(workspace.close)
            ending.callback(open_collections.close)
            ending.callback(uploads.close)
            ending.callback(authenticator.threads.shutdown)
            ending.push_async_callback(asyncio.to_thread, jobs.close, options.drain_seconds)
            ending.push_async_callback(support.close, options.drain_seconds)
            try:
                await workspace.start()
            except ModelMissing as error:
                app.state.failed = error  # for whoever runs the server: it tells no one else
                raise
            await asyncio.to_thread(open_collections.refresh_all, START_WAIT)
            ending.push_async_callback(_cancel_task, asyncio.create_task(open_collections.watch()))
            support.start()
            state.ready = True
            try:
                yield
            finally:
                state.ready = False

    app = _make_app(lifespan)
    _add_middleware(app, options, authenticator, metrics)
    return app


def _add_middleware(
    app: FastAPI, options: ServeOptions, authenticator: Authenticator, metrics: Metrics
) -> None:
    """Add what stands around every request, the innermost first."""
    app.state.options = options
    app.state.gate = authenticator
    problems.install_error_handlers(app)
    app.state.arriving = BodyArrivals(options.max_arriving)
    app.state.uploading = BodyArrivals(options.max_uploads)
    app.add_middleware(SlotMiddleware, places=RequestSlots(options.max_in_flight))
    app.add_middleware(health_routes.PageFiles)
    app.add_middleware(AuthMiddleware, gate=authenticator)
    app.add_middleware(RequestMiddleware, metrics=metrics)


def _make_removal(workspace: Workspace, open_collections: OpenCollections) -> Callable[[str], None]:
    """Make the function that removes a collection and ends its serving. It blocks."""

    def remove_collection(name: str) -> None:
        open_collections.volume.check()
        remove_published_collection(workspace, name)
        open_collections.refresh(name)

    return remove_collection


def _make_authenticator(options: ServeOptions, keys: KeyStore) -> Authenticator:
    hosts = frozenset(options.allowed_hosts)
    return Authenticator(
        IdentityStore(
            keys=keys, sessions=SessionStore(keys.database, partial(keys.get_secret, CSRF_SECRET))
        ),
        is_loopback(options.host),
        hosts,
        options.trusted_proxies,
        options.max_unauthenticated,
    )


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
) -> FastAPI:
    app = DescribedApi(
        title="ragdesk",
        version=ragdesk.__version__,
        description=API_DESCRIPTION,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses={"default": PROBLEM_RESPONSE},
    )
    for router in ROUTERS:
        app.include_router(router)
    return app


async def _cancel_task(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
