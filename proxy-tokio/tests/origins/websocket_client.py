"""Checks a WebSocket echo at the URL given: text, binary, 1 MiB, ping, idle, a hundred in flight, the close handshake."""

import asyncio
import os
import sys

from websockets.asyncio.client import connect


async def main(url):
    async with connect(url, max_size=4 << 20, proxy=None) as connection:
        for message in ["hello", "grüße, 世界", b"\x00\xff\x01", os.urandom(1 << 20), "x" * (1 << 20), ""]:
            await connection.send(message)
            assert await connection.recv() == message
        await (await connection.ping(b"are you there?"))
        await asyncio.sleep(0.5)
        for number in range(100):
            await connection.send(str(number))
        for number in range(100):
            assert await connection.recv() == str(number)
        await connection.close(4001, "done")
        # The peer answered our close frame with the same code: the closing handshake is whole.
        assert connection.close_code == 4001, connection.close_code
        assert connection.close_reason == "done", connection.close_reason
        assert connection.protocol.close_rcvd.code == 4001
    print("all echoed")


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 20))
