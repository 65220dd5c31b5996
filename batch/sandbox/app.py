"""The sandbox as an ASGI application: each request is judged, logged, then answered.

Nothing else runs between judging a request, which may change a lead, and logging it: the log has
the changes in their order.
"""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batch.sandbox.answers import ErrorShape, Refusal, error_response, refuse_pace, spoil
from batch.sandbox.api import CALLS, Act, refuse
from batch.sandbox.call import ApiError, Call, KeyKind, key_kind, make_unknowns
from batch.sandbox.faults import Fault, Faults, Kind, Operation
from batch.sandbox.inspection import inspection_routes
from batch.sandbox.limits import LimitBy, Limiter, make_limiter
from batch.sandbox.log import Entry, RequestLog
from batch.sandbox.options import Options, choose
from batch.sandbox.state import Workspace
from batch.sandbox.telling import http_date, parse_spellings, spell
from batch.sandbox.world import World

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
# Names for this machine. Another name that a stranger's page points here (DNS rebinding) would let
# its script read answers as if they were its own server's.
_HOSTS = ["127.0.0.1", "localhost"]
_EFFECTIVE = {Operation.PATCH, Operation.ACTION}
_UNANSWERED = {Kind.DROP, Kind.CLOSE_BEFORE, Kind.CLOSE_AFTER, Kind.STALL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a request is answered. fault: None if it met none. applied: whether it took effect."""

    answer: Response
    fault: Fault | None = None
    applied: bool = False


class Gate:
    """Keys, limits, faults and the log, between requests and the API."""

    def __init__(
        self,
        options: Options,
        world: World,
        log: RequestLog,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.faults = Faults(options.faults, seed=options.random_seed)
        self._world = world
        self._unknowns = make_unknowns(options)
        self._shape = choose("--error-body", options.error_body, ErrorShape)
        self._refusal = choose("--refusal", options.refusal, Refusal)
        self._spellings = parse_spellings(options.headers)
        self._limit_by = choose("--limit-by", options.limit_by, LimitBy)
        self._rate_limit = options.rate_limit
        self._limiters: dict[str, Limiter] = {}
        if self._rate_limit:
            make_limiter(self._rate_limit)  # a wrong one is told at the start
        self._log = log
        self._monotonic = monotonic
        self._wall = wall

    async def serve(self, request: Request, operation: Operation, act: Act) -> Response:
        """Answer a request, once its line is in the log."""
        try:
            body = await request.body()
        except ClientDisconnect:
            self._write(request, operation, b"", None)
            return Response()
        verdict = self._judge(request, operation, act, body)
        verdict.answer.headers["date"] = http_date(math.floor(self._wall()))
        self._write(request, operation, body, verdict)
        return verdict.answer

    def _judge(self, request: Request, operation: Operation, act: Act, body: bytes) -> Verdict:
        api_key = request.headers.get("x-api-key", "")
        if key_kind(api_key, self._world) in {KeyKind.MISSING, KeyKind.UNKNOWN}:
            return Verdict(answer=self._error(401, "X-Api-Key is missing or not valid"))
        headers: dict[str, str] = {}
        workspace = self._workspace(request)
        if limiter := self._limiter(api_key, workspace):
            budget = limiter.take(self._monotonic())
            headers = spell(budget, self._spellings, now_s=self._wall())
            if not budget.admitted:
                refused = refuse_pace(budget, self._refusal, self._shape)
                if self._refusal is not Refusal.PLAIN:
                    refused.headers.update(headers)
                return Verdict(answer=refused)
        path = request.path_params
        lead_id = path.get("lead_id", "")
        campaign = workspace.campaigns.get(path.get("campaign_id", "")) if workspace else None
        lead = campaign.leads.get(lead_id) if campaign else None
        names = {workspace.name.casefold(), workspace.id} if workspace else set()
        fault = self.faults.pick(operation, lead_id, lead.fault if lead else None, names)
        call = self._call(request, api_key, body, applying=fault is None or fault.applied)
        answer: Response
        try:
            answer = JSONResponse(act(call))
        except ApiError as error:
            answer = self._error(error.status, error.message)
        applied = operation in _EFFECTIVE and answer.status_code == 200 and call.applying
        if fault is None:
            answer.headers.update(headers)
            return Verdict(answer=answer, applied=applied)
        spoilt = spoil(answer, fault, shape=self._shape, headers=headers, now_s=self._wall())
        return Verdict(answer=spoilt, fault=fault, applied=applied)

    def _workspace(self, request: Request) -> Workspace | None:
        """The workspace that a request is about; None where it names none that is known."""
        headers = request.headers
        return self._world.scope_of(headers.get("x-api-key", ""), headers.get("x-workspace-id"))

    def _limiter(self, api_key: str, workspace: Workspace | None) -> Limiter | None:
        """The budget that a request takes from; None if there is no limit."""
        if self._rate_limit is None:
            return None
        match self._limit_by:
            case LimitBy.KEY:
                owner = api_key
            case LimitBy.WORKSPACE:  # the list of workspaces is no workspace's
                owner = workspace.id if workspace else ""
            case LimitBy.ALL:
                owner = ""
        if owner not in self._limiters:
            self._limiters[owner] = make_limiter(self._rate_limit)
        return self._limiters[owner]

    def _call(self, request: Request, api_key: str, body: bytes, *, applying: bool) -> Call:
        return Call(
            world=self._world,
            unknowns=self._unknowns,
            api_key=api_key,
            workspace_id=request.headers.get("x-workspace-id"),
            path=request.path_params,
            query=dict(request.query_params),
            content_type=request.headers.get("content-type", ""),
            body=body,
            applying=applying,
        )

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
        answer = error_response(status, message, self._shape)
        answer.headers.update(headers or {})
        return answer

    def _write(
        self, request: Request, operation: Operation, body: bytes, verdict: Verdict | None
    ) -> None:
        """Log this request. verdict: None if it never came in whole."""
        fault = verdict.fault.kind if verdict and verdict.fault else None
        workspace = self._workspace(request)
        answered = verdict is not None and fault not in _UNANSWERED
        self._log.write(
            Entry(
                method=request.method,
                path=request.url.path,
                query=request.url.query,
                operation=operation,
                campaign_id=request.path_params.get("campaign_id"),
                campaign_lead_id=request.path_params.get("lead_id"),
                body=body,
                key=key_kind(request.headers.get("x-api-key"), self._world),
                workspace_id=workspace.id if workspace else None,
                status=verdict.answer.status_code if verdict and answered else None,
                fault=fault if verdict else "client-left",
                applied=verdict is not None and verdict.applied,
            ),
            now_s=self._wall(),
        )


def make_app(
    options: Options,
    world: World,
    log: RequestLog | None = None,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> Starlette:
    """The application. SandboxError if an option is wrong.

    log: by default the file that the options name, kept open for good.
    monotonic: seconds of a clock that never goes back, for limits. wall: Unix time, for headers
        and the log.
    """
    log = log or RequestLog(options.log)
    gate = Gate(options, world, log, monotonic=monotonic, wall=wall)
    app = Starlette(
        routes=[
            *inspection_routes(world, gate.faults),
            *(
                Route(path, _endpoint(gate, operation, act), methods=[method])
                for operation, method, path, act in CALLS
            ),
            Route("/{path:path}", _endpoint(gate, Operation.UNKNOWN, refuse), methods=_METHODS),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False),
        ],
    )
    app.router.redirect_slashes = False
    return app


def _endpoint(
    gate: Gate, operation: Operation, act: Act
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await gate.serve(request, operation, act)

    return endpoint
