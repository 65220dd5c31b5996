"""What the targets answer: fixed bodies of the size of SendKit's, which name no lead."""

import json

from tests.bench.rows import LABELS

CHANGED = json.dumps(
    {
        "success": True,
        "data": {
            "currentSequenceStep": 3,
            "replied": False,
            "addedAt": "2026-01-15T09:30:00.000Z",
            "updatedAt": "2026-11-20T10:11:12.000Z",
            "lead": {
                "email": "someone@example.com",
                "firstName": "Some",
                "companyName": "Example Catering Ltd",
            },
        },
    }
).encode()
ANSWERS: dict[str, bytes] = {
    "/v1/workspaces": json.dumps(
        {"success": True, "data": [{"_id": "66c0", "name": "Bench"}]}
    ).encode(),
    "/v1/tags": json.dumps(
        {"success": True, "data": [{"name": label} for label in LABELS]}
    ).encode(),
}
