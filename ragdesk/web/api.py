"""The HTTP door: routes, what stands around them, and what runs beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fastapi import FastAPI

import ragdesk
from indexes.errors import ModelMissing
from ragdesk.assemble import Desks
from ragdesk.metrics import Metrics
from ragdesk.support.access import Keys
from ragdesk.web import answers, documents, problems, schemas, system
from ragdesk.web.connections import Arrivals, Places
from ragdesk.web.gate import Gate, HostCheck, is_loopback
from ragdesk.web.jobs import Job, Jobs
from ragdesk.web.limits import ServeOptions
from ragdesk.web.live import START, Live
from ragdesk.web.state import State
from ragdesk.web.uploads import Uploads
from ragdesk.web.watch import Seats, Watch

ROUTERS = (answers.router, documents.router, system.router)
ROUTES = tuple(sorted({getattr(route, "path", "") for one in ROUTERS for route in one.routes}))
PROBLEM = {"model": schemas.ProblemOut, "description": "A problem (RFC 9457)."}
ABOUT = "Answers from your own documents, with citations you can check."


def build(desks: Desks, keys: Keys) -> FastAPI:
    """Make the app of a home. The caller closes ``keys``."""
    options = desks.settings.serve
    gate = _gate(options, keys)
    metrics = Metrics(ROUTES)
    live = _live(desks, metrics)

    def work(job: Job) -> Mapping[str, Any]:
        live.volume.check()
        admit = documents.make_admission(job, gate.again(job.owner))
        report = desks.change(job.collection, job.uri, job.body, admit)
        live.refresh(job.collection)  # who waits for the job reads what it wrote
        return report

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        uploads = Uploads(desks.home)
        jobs = Jobs(work, limit=options.max_jobs, metrics=metrics)
        state = State(
            options=options,
            gate=gate,
            live=live,
            jobs=jobs,
            uploads=uploads,
            metrics=metrics,
            secret=keys.secret("cursor"),
        )
        app.state.desk = state
        async with contextlib.AsyncExitStack() as ending:  # backwards, whatever one of them raises
            ending.push_async_callback(desks.close)
            ending.callback(live.close)
            ending.callback(uploads.close)
            ending.push_async_callback(asyncio.to_thread, jobs.close, options.drain_seconds)
            try:
                await desks.start()
            except ModelMissing as error:
                app.state.failed = error  # for whoever runs the server: it tells no one else
                raise
            await asyncio.to_thread(live.refresh_all, START)
            watcher = asyncio.create_task(live.watch())
            ending.push_async_callback(_cancel, watcher)
            state.ready = True
            try:
                yield
            finally:
                state.ready = False

    app = _app(lifespan)
    app.state.options, app.state.gate = options, gate
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.state.arriving = Arrivals(options.max_arriving)
    app.state.uploading = Arrivals(options.max_uploads)
    app.add_middleware(Seats, places=Places(options.max_in_flight))
    app.add_middleware(system.PageFiles)
    app.add_middleware(HostCheck, gate=gate, waiting=options.max_unauthenticated)
    app.add_middleware(Watch, metrics=metrics)
    return app


def _gate(options: ServeOptions, keys: Keys) -> Gate:
    hosts = frozenset(options.allowed_hosts)
    return Gate(keys, is_loopback(options.host), hosts, options.trusted_proxies)


def _live(desks: Desks, metrics: Metrics) -> Live:
    seconds, again = desks.settings.serve.poll_seconds, desks.settings.serve.retry_seconds
    return Live(
        desks.home, desks.open, metrics, seconds=seconds, again=again, restrict=desks.restrict
    )


def _app(lifespan: Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]) -> FastAPI:
    return FastAPI(
        title="ragdesk",
        version=ragdesk.__version__,
        description=ABOUT,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses={"default": PROBLEM},
    )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
