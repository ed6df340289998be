"""An origin that answers every request with what it received: method, path, query, headers and body, as JSON.

Run it with `uvicorn --app-dir <this folder> echo:app`. Knows nothing of the proxy in front of it.
"""

import asyncio
import json
from urllib.parse import parse_qs


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    query = scope["query_string"].decode("latin-1")
    body = await read_body(receive)
    # `?sleep=0.5` answers late.
    await asyncio.sleep(float(parse_qs(query).get("sleep", ["0"])[0]))
    answer = {
        "method": scope["method"],
        "path": scope["path"],
        "query": query,
        "http_version": scope["http_version"],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    content = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def read_body(receive):
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
