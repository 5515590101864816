"""The sandbox as one Starlette application behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp

from flex_outbound.sandbox import control, desk, media, routes
from flex_outbound.sandbox.errors import TwilioError, method_not_allowed, not_found
from flex_outbound.sandbox.gate import FILES, PRODUCTS, Gate
from flex_outbound.sandbox.guard import Guard
from flex_outbound.sandbox.openapi.requests import check
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import Call, Form, Handler

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(state: SandboxState, guard: Guard) -> ASGIApp:
    """Return the ASGI application that serves ``state``: Twilio's products, the control API and the desk.

    ``guard`` knows the names under which the last two may be asked.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await state.callbacks.close()

    mounts = [Mount(f"/{product}", app=_router(product, table)) for product, table in routes.TABLES.items()]
    app = Starlette(
        routes=[*mounts, *control.routes(), *media.routes(), *desk.routes()],
        lifespan=lifespan,
        exception_handlers={404: _not_found, 405: _not_allowed, TwilioError: _refused},
    )
    app.router.redirect_slashes = False
    app.state.sandbox = state
    return Gate(app, state, guard)


def _router(product: str, table: routes.Table) -> Router:
    # For a path with an extra slash, Twilio does not redirect but answers 404.
    return Router([_route(path, product, handlers) for path, handlers in table], redirect_slashes=False)


def _route(path: str, product: str, handlers: dict[str, Handler]) -> Route:
    async def endpoint(request: Request) -> Response:
        # Starlette takes HEAD wherever GET is taken; uvicorn leaves the body out.
        method = "GET" if request.method == "HEAD" else request.method
        return await _serve(request, product, path, handlers[method])

    return Route(path, endpoint, methods=list(handlers))


async def _serve(request: Request, product: str, path: str, handler: Handler) -> Response:
    state: SandboxState = request.app.state.sandbox
    world = state.authenticate(request.headers.get("authorization", ""))
    # The gate has read the body already, so this does not wait. A handler runs to its end without interruption.
    body = await request.body()
    text = "" if product == FILES else body.decode("utf-8", "replace")
    call = Call(
        state=state,
        world=world,
        method=request.method,
        product=product,
        path=request.scope["path"].removeprefix(f"/{product}"),
        query=Form(request.url.query),
        form=Form(text),
        params=request.path_params,
        headers=request.headers,
        body=text,
        data=body,
        faults=request.scope["state"].get("faults", ()),
    )
    check(call, path)
    reply = handler(call)
    if reply.body is None:
        return Response(reply.content, reply.status, reply.headers)
    return JSONResponse(reply.body, reply.status, reply.headers)


def _product_path(request: Request) -> tuple[str, str]:
    _, product, rest = (*request.scope["path"].split("/", 2), "", "")[:3]
    return (product, f"/{rest}") if product in PRODUCTS else ("", request.scope["path"])


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, TwilioError):
        raise error
    return JSONResponse(error.body(), error.status, error.headers)


async def _not_found(request: Request, error: Exception) -> Response:
    product, path = _product_path(request)
    if not product:
        return JSONResponse({"error": "not found"}, 404)
    return await _refused(request, not_found(path))


async def _not_allowed(request: Request, error: Exception) -> Response:
    product, path = _product_path(request)
    headers = error.headers if isinstance(error, HTTPException) else None
    if not product:
        return JSONResponse({"error": "method not allowed"}, 405, dict(headers or {}))
    return await _refused(request, method_not_allowed(path))
