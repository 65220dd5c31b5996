"""An API that answers within the test's own process, over httpx's mock transport."""

import httpx


class Answering(httpx.MockTransport):
    """Shows each request's whole address, which goes over the wire as its `target` extension."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(raw_path=request.extensions["target"])
        return await super().handle_async_request(request)
