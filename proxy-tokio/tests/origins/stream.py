"""A stream of any length that needs no file: made, served, received and hashed.

    stream.py serve             an origin: GET /N sends N octets, /chunked/N in chunks; PUT or POST tells the hash of its body
    stream.py generate N        the same octets on standard output
    stream.py hash              the length and hash of standard input, as the origin tells it
    stream.py expect N          the length and hash of the stream of N octets

No block is like another one, so octets lost, repeated or out of order change the hash.
"""

import hashlib
import http.server
import random
import sys

BLOCK = 1 << 20


def blocks(length):
    """The stream's first `length` octets, in pieces that are valid until the next one is asked for."""
    block = bytearray(random.Random(1).randbytes(BLOCK))
    number = 0
    while length > 0:
        block[:8] = number.to_bytes(8, "little")
        piece = memoryview(block)[: min(length, BLOCK)]
        yield piece
        length -= len(piece)
        number += 1


class Digest:
    def __init__(self):
        self.length = 0
        self.hash = hashlib.sha256()

    def take(self, piece):
        self.length += len(piece)
        self.hash.update(piece)

    def __str__(self):
        return f"{self.length} {self.hash.hexdigest()}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.path.rsplit("/", 1)[1])
        chunked = self.path.startswith("/chunked/")
        self.send_response(200)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        for piece in blocks(length):
            if chunked:
                self.wfile.write(b"%x\r\n" % len(piece))
            self.wfile.write(piece)
            if chunked:
                self.wfile.write(b"\r\n")
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def do_PUT(self):
        digest = Digest()
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.read(size, digest)
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.read(int(self.headers.get("Content-Length", 0)), digest)
        content = f"{digest}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT

    def read(self, size, digest):
        while size > 0:
            piece = self.rfile.read(min(size, BLOCK))
            if not piece:
                raise EOFError("the body ended early")
            digest.take(piece)
            size -= len(piece)

    def log_message(self, *_):
        pass


def main(what, *arguments):
    if what == "serve":
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
    elif what == "generate":
        for piece in blocks(int(arguments[0])):
            sys.stdout.buffer.write(piece)
    else:
        digest = Digest()
        source = blocks(int(arguments[0])) if what == "expect" else iter(lambda: sys.stdin.buffer.read(BLOCK), b"")
        for piece in source:
            digest.take(piece)
        print(digest)


if __name__ == "__main__":
    main(*sys.argv[1:])
