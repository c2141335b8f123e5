"""The routes under /v1: each turns a request into one call of the agent, and its answer into JSON.

Reading routes look at the state beside the loop and never wait for it; acting routes hand work to the loop's thread.
None touches the vault itself. What each answers with is in `schema`; docs/openapi.json is made from here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain, islice
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, FastAPI, Query, Response
from fastapi.responses import StreamingResponse

from syncd import __version__
from syncd.api import asked, contents, listing, retention, schema, views
from syncd.api.failures import FAILURES, answer_failures
from syncd.api.stream import follow
from syncd.engine.deciding import frontier_code
from syncd.engine.operations import Operations
from syncd.engine.vault import Vault
from syncd.errors import PathUnknown, UsageError
from syncd.model.path import is_valid_name

T = TypeVar("T")
PAGE, MOST_PAGE = 200, 1000
LONGEST_PART = 1024 * 1024  # bytes of a content in one answer
LINES = 256  # sent at once
NDJSON = "application/x-ndjson"  # one value a line, as many as there are

Page = Annotated[int, Query(ge=1, le=MOST_PAGE)]
Instant = Annotated[int | None, Query(ge=-(1 << 63), le=(1 << 63) - 1)]
Cursor = Annotated[str, Query(max_length=80)]
Text = Annotated[str, Query(max_length=4096)]


def _many(rows: Iterator[str]) -> Iterator[str]:
    """Yield lines in pieces worth sending."""
    while piece := list(islice(rows, LINES)):
        yield "\n".join(piece) + "\n"


# What is asked of the loop waits for it, and must not keep waiting what only looks.
ACTS = ThreadPoolExecutor(64, "syncd-act")


async def act(work: Callable[..., T], *arguments: Any) -> T:
    """Have the agent do something; it may take as long as a pass takes."""
    return await asyncio.get_running_loop().run_in_executor(ACTS, partial(work, *arguments))


class Door(Protocol):
    """What the agent does for those who ask; each call blocks until it is done."""

    @property
    def operations(self) -> Operations:
        """The log of what is done."""

    def read(self, look: Callable[[Vault], T]) -> T:
        """Return what a look at the vault, opened for reading, gives."""

    def lend(self) -> AbstractContextManager[Vault]:
        """Lend a vault, opened for reading, for as long as an answer takes."""

    def progress(self) -> dict[str, Any]:
        """Return what the loop does now; at once."""

    def status(self) -> dict[str, Any]:
        """Return the status."""

    def sync(self) -> dict[str, Any]:
        """Run one full cycle."""

    def rest(self, rests: bool) -> None:
        """Pause, or go on."""

    def restore(self, request: asked.Restore) -> dict[str, Any]:
        """Bring back; returns the result, or the operation if nobody waits."""

    def decide(self, request: asked.Decide) -> dict[str, Any]:
        """Do what a person decided."""

    def verify(self, request: asked.Verify) -> dict[str, Any]:
        """Begin to verify; return the operation."""

    def prune(self, request: asked.Prune) -> dict[str, Any]:
        """Let go of what nothing keeps, or say what would go."""

    def log_tail(self, lines: int) -> dict[str, Any]:
        """Return the last lines of the log."""

    def stop(self) -> None:
        """End the agent."""


def build_app(door: Door) -> FastAPI:
    """Return the application."""
    app = FastAPI(title="syncd", version=__version__, docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")

    answer_failures(app)
    for router in (_about(door), _tree(door), _history(door), _deciding(door), _acting(door)):
        app.include_router(router, prefix="/v1", responses=FAILURES)
    return app


def path_of(path: str, path_b64: str) -> bytes:
    """Return the path that a request names.

    Raises:
        UsageError: it is no base64, or leads out of the folder.
    """
    try:
        found = base64.b64decode(path_b64, validate=True) if path_b64 else path.encode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError) as error:
        raise UsageError("path_b64 is no base64") from error
    found = found.strip(b"/")
    if found not in (b"", b".") and not all(map(is_valid_name, found.split(b"/"))):
        raise UsageError("a path has names between single slashes; none of them is . or .., and none holds a NUL")
    return b"" if found == b"." else found


def _about(door: Door) -> APIRouter:
    """How everything stands, and what happens."""
    router = APIRouter(tags=["state"])

    @router.get("/status", response_model=schema.Status, response_model_exclude_none=False)
    async def status() -> dict[str, Any]:
        return await asyncio.to_thread(door.status)

    @router.get("/events", response_class=StreamingResponse)
    async def events(since: Annotated[int | None, Query(ge=0, le=(1 << 63) - 1)] = None) -> StreamingResponse:
        stream = follow(door.operations.events, since, door.progress)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})

    @router.get("/operations", response_model=schema.OperationPage)
    async def operations(
        before: Annotated[int | None, Query(ge=0)] = None,
        view: Annotated[str, Query(pattern="^(all|running|waiting|warnings|errors)$")] = "all",
        limit: Page = PAGE,
    ) -> dict[str, Any]:
        found = door.operations.newest(before=before, state=view, most=limit)
        following = found[-1].no if len(found) == limit else None
        items = [item.fields() for item in found]
        return {"items": items, "next": following, "counts": door.operations.counts()}

    @router.get("/operations/{number}", response_model=schema.Operation)
    async def operation(number: int) -> dict[str, Any]:
        found = door.operations.get(number)
        if found is None:
            raise PathUnknown(f"there is no operation {number}", hint="The oldest ones are forgotten.")
        return found.fields()

    @router.get("/log", response_model=schema.LogLines)
    async def log(lines: Annotated[int, Query(ge=1, le=10_000)] = 200) -> dict[str, Any]:
        return await asyncio.to_thread(door.log_tail, lines)

    return router


def _tree(door: Door) -> APIRouter:
    """The tree now and at any instant."""
    router = APIRouter(tags=["history"])

    async def read(look: Callable[[Vault], Any]) -> Any:
        return await asyncio.to_thread(door.read, look)

    @router.get("/entries", response_model=schema.Entries, response_model_exclude_none=True)
    async def entries(
        path: Text = "", path_b64: Text = "", at_ns: Instant = None, deleted: bool = False, after: Cursor = "",
        limit: Page = PAGE,
    ) -> Any:  # fmt: skip
        where = path_of(path, path_b64)
        return await read(lambda vault: views.entries(vault, where, at_ns, deleted=deleted, after=after, most=limit))

    @router.get("/entry", response_model=schema.Entry, response_model_exclude_none=True)
    async def entry(
        path: Text = "", path_b64: Text = "", at_ns: Instant = None,
        version_id: Annotated[str | None, Query(max_length=80)] = None,
    ) -> Any:  # fmt: skip
        where = path_of(path, path_b64)
        return await read(lambda vault: listing.entry(vault, where, at_ns, version_id))

    @router.get("/standing", response_model=schema.Standing, response_model_exclude_none=True)
    async def standing(path: Text = "", path_b64: Text = "") -> Any:
        where = path_of(path, path_b64)
        return await read(lambda vault: listing.standing(vault, where))

    @router.get("/tree", response_class=StreamingResponse, responses={200: {"content": {NDJSON: {}}}})
    async def tree(
        path: Text = "", path_b64: Text = "", at_ns: Instant = None, recursive: bool = True, deleted: bool = False,
        pattern: Text = "",
    ) -> StreamingResponse:  # fmt: skip
        where = path_of(path, path_b64)

        def rows() -> Iterator[str]:
            with door.lend() as vault:
                found = listing.tree(vault, where, at_ns, recursive=recursive, deleted=deleted, pattern=pattern)
                yield from map(json.dumps, found)

        lines = _many(rows())
        first = await asyncio.to_thread(next, lines, "")  # what cannot be listed at all is an error like any other
        return StreamingResponse(chain((first,), lines), media_type=NDJSON)

    @router.get("/find", response_model=schema.Found, response_model_exclude_none=True)
    async def find(q: Text, deleted: bool = True, limit: Page = PAGE) -> Any:
        return await read(lambda vault: views.find(vault, q, deleted=deleted, most=limit))

    return router


def _history(door: Door) -> APIRouter:
    """Every version, and what it holds."""
    router = APIRouter(tags=["history"])

    async def read(look: Callable[[Vault], Any]) -> Any:
        return await asyncio.to_thread(door.read, look)

    @router.get("/versions", response_model=schema.Versions, response_model_exclude_none=True)
    async def versions(path: Text = "", path_b64: Text = "", after: Cursor = "", limit: Page = PAGE) -> Any:
        where = path_of(path, path_b64)
        return await read(lambda vault: views.versions(vault, where, after=after, most=limit))

    @router.get("/changes", response_model=schema.Changes, response_model_exclude_none=True)
    async def changes(before: Annotated[str | None, Query(max_length=80)] = None, limit: Page = PAGE) -> Any:
        return await read(lambda vault: views.changes(vault, before, limit))

    @router.get("/content", response_class=Response, responses={200: {"content": {"application/octet-stream": {}}}})
    async def content(
        version_id: Text,
        offset: Annotated[int, Query(ge=0, le=(1 << 63) - 1)] = 0,
        length: Annotated[int, Query(ge=1, le=LONGEST_PART)] = LONGEST_PART,
    ) -> Response:
        data, size = await read(lambda vault: contents.content(vault, version_id, offset, length))
        headers = {"x-size": str(size)}
        return Response(data, media_type="application/octet-stream", headers=headers)

    @router.get("/compare", response_model=schema.Comparison)
    async def compare(version_id: Text, against: Annotated[str | None, Query(max_length=80)] = None) -> Any:
        return await read(lambda vault: contents.compare(vault, version_id, against))

    return router


def _deciding(door: Door) -> APIRouter:
    """What waits for a person, and who shares the folder on what stores."""
    router = APIRouter(tags=["deciding"])

    async def read(look: Callable[[Vault], Any]) -> Any:
        return await asyncio.to_thread(door.read, look)

    @router.get("/conflicts", response_model=list[schema.Conflict])
    async def conflicts() -> Any:
        return await read(views.conflict_list)

    @router.get("/holds", response_model=list[schema.Held], response_model_exclude_none=True)
    async def holds() -> Any:
        return await read(views.hold_list)

    @router.get("/holds/entries", response_model=schema.GoingPage, response_model_exclude_none=True)
    async def hold_entries(path: Text = "", path_b64: Text = "", after: Cursor = "", limit: Page = PAGE) -> Any:
        where = path_of(path, path_b64)
        return await read(lambda vault: views.hold_entries(vault, where, after=after, most=limit))

    @router.get("/devices", response_model=list[schema.Device])
    async def devices() -> Any:
        return await read(views.device_list)

    @router.get("/code", response_model=schema.Code)
    async def code() -> Any:
        return {"code": await read(lambda vault: frontier_code(vault.state))}

    @router.get("/retention", response_model=schema.Retention, response_model_exclude_none=True)
    async def kept_rules() -> Any:
        return await read(retention.policy_fields)

    @router.get("/kept", response_model=schema.Kept)
    async def kept(path: Text = "", path_b64: Text = "") -> Any:
        where = path_of(path, path_b64)
        return await read(lambda vault: retention.kept_fields(vault, where))

    @router.get("/space", response_model=schema.Space)
    async def space() -> Any:
        return await read(views.space)

    @router.get("/ignored", response_model=schema.Ignored)
    async def ignored(path: Text = "", path_b64: Text = "", directory: bool = False) -> Any:
        where = path_of(path, path_b64)
        return await read(lambda vault: views.ignore_test(vault, where, is_directory=directory))

    @router.post("/decisions", response_model=schema.Done)
    async def decide(request: asked.Decide) -> dict[str, Any]:
        for path in (request.path_b64, *request.paths_b64):
            path_of("", path)
        if request.what == "resolve" and not (request.path_b64 and request.keep):
            raise UsageError("`resolve` goes with path_b64 and keep")
        if request.what == "ignore" and not request.path_b64:
            raise UsageError("`ignore` goes with path_b64")
        for rule in request.rules:
            path_of("", rule.path_b64)
        return await act(door.decide, request)

    return router


def _acting(door: Door) -> APIRouter:
    """What the agent is asked to do."""
    router = APIRouter(tags=["acting"])

    @router.post("/sync", response_model=schema.Done)
    async def sync() -> dict[str, Any]:
        return await act(door.sync)

    @router.post("/pause", response_model=schema.Done)
    async def pause() -> dict[str, Any]:
        await act(door.rest, True)
        return {"paused": True}

    @router.post("/resume", response_model=schema.Done)
    async def resume() -> dict[str, Any]:
        await act(door.rest, False)
        return {"paused": False}

    @router.post("/restores", response_model=schema.Done, responses={202: {"model": schema.Operation}})
    async def restore(request: asked.Restore, response: Response) -> dict[str, Any]:
        for path in request.paths_b64:
            path_of("", path)
        if request.to is not None and (not request.to.startswith("/") or "\0" in request.to):
            raise UsageError("`to` is no absolute path", hint="The agent runs elsewhere than you: name it from / on.")
        if not request.wait and not request.dry_run:
            response.status_code = 202
        return await act(door.restore, request)

    @router.post("/verify", response_model=schema.Operation, status_code=202)
    async def verify(request: asked.Verify) -> dict[str, Any]:
        return await act(door.verify, request)

    @router.post("/prune", response_model=schema.Done)
    async def prune(request: asked.Prune) -> dict[str, Any]:
        return await act(door.prune, request)

    @router.post("/stop", response_model=schema.Done, status_code=202)
    async def stop() -> dict[str, Any]:
        door.stop()
        return {"stopping": True}

    return router
