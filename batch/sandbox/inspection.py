"""Routes beside the API, for tests and for people who try the sandbox: not logged, not limited.

They show every lead, in practice the leads of somebody's file with real addresses: so they answer
only to the first workspace's key, or the platform's, as `X-Api-Key`.

`GET /sandbox/state?campaignId=…` shows what every lead is now, `GET /sandbox/leads.csv` lists
all leads as a file to change and send, `POST /sandbox/faults` changes what goes wrong.
"""

import csv
import io
import json
import secrets
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batch.sandbox.faults import Faults
from batch.sandbox.options import SandboxError
from batch.sandbox.world import World

Endpoint = Callable[[Request], Awaitable[Response]]


def inspection_routes(world: World, faults: Faults) -> list[Route]:
    """The routes under /sandbox, for this state and these faults."""

    async def state(request: Request) -> Response:
        """Each lead of a campaign, or of all: its status, its tag and its subsequence."""
        wanted = request.query_params.get("campaignId")
        return JSONResponse(
            {
                campaign.id: {
                    lead.id: {
                        "status": lead.status,
                        "aiTag": lead.ai_tag,
                        "subsequence": lead.subsequence,
                    }
                    for lead in campaign.leads.values()
                }
                for workspace in world.with_leads
                for campaign in workspace.campaigns.values()
                if wanted in {None, campaign.id}
            }
        )

    async def leads_csv(_: Request) -> Response:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        header = ["campaignId", "campaignLeadId", "email", "status", "aiTag"]
        names_workspace = len(world.with_leads) > 1
        rows.writerow(["workspace", *header] if names_workspace else header)
        for workspace in world.with_leads:
            name = [workspace.name] if names_workspace else []
            for campaign in workspace.campaigns.values():
                for lead in campaign.leads.values():
                    cells = [campaign.id, lead.id, lead.email, lead.status, lead.ai_tag]
                    rows.writerow([*name, *cells])
        return Response(text.getvalue(), media_type="text/csv")

    async def change_faults(request: Request) -> Response:
        """Replace all faults but the seed's by those of the body: a JSON list of spellings."""
        try:
            faults.replace(tuple(json.loads(await request.body())))
        except (SandboxError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({})

    return [
        Route("/sandbox/state", _with_key(world, state)),
        Route("/sandbox/leads.csv", _with_key(world, leads_csv)),
        Route("/sandbox/faults", _with_key(world, change_faults), methods=["POST"]),
    ]


def _with_key(world: World, endpoint: Endpoint) -> Endpoint:
    """The endpoint for those who have the key; 401 for all others."""
    keys = [key.encode() for key in (world.first.api_key, world.platform_key)]

    async def checked(request: Request) -> Response:
        given = request.headers.get("x-api-key", "").encode()
        if not any(secrets.compare_digest(given, key) for key in keys):
            return JSONResponse({"error": "X-Api-Key is missing or not this sandbox's"}, 401)
        return await endpoint(request)

    return checked
