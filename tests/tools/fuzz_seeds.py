"""Writes the seeds of the fuzz targets (`core/fuzz/seeds`) anew: one small input for each thing that a target can meet.

    python tests/tools/fuzz_seeds.py

A fuzzer starts from them, and `cargo test --test fuzz_replay` runs them in every test. Each input begins with a head
that `core/fuzz/src/input.rs` describes: settings, and the lengths of the pieces in which the rest comes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
import zlib
from itertools import cycle
from pathlib import Path

SEEDS = Path(__file__).resolve().parents[2] / "core" / "fuzz" / "seeds"
VECTORS = SEEDS.parents[1] / "tests" / "vectors"
KEY = bytes([0x37, 0xFA, 0x21, 0x3D])

FINAL = 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RSV1 = 0x40
RECORDS, COMPRESSION = 0x01, 0x02


def head(settings: int, *lengths: int) -> bytes:
    """The head of an input."""
    return bytes([settings, len(lengths), *lengths])


def record(first: int, payload: bytes = b"") -> bytes:
    """A frame for the targets that write it themselves."""
    return bytes([first, len(payload)]) + payload


def frame(first: int, payload: bytes = b"", *, masked: bool, form: int = 0) -> bytes:
    """A frame by the book; `form` 126 or 127 writes a longer length than it needs."""
    mark, size = 0x80 if masked else 0, len(payload)
    if form == 127 or size > 0xFFFF:
        length = bytes([mark | 127]) + size.to_bytes(8, "big")
    elif form == 126 or size > 125:
        length = bytes([mark | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([mark | size])
    if masked:
        payload = KEY + bytes(a ^ b for a, b in zip(payload, cycle(KEY)))
    return bytes([first]) + length + payload


def deflate_all(messages: list[bytes]) -> list[bytes]:
    """Messages as RFC 7692 7.2.1 compresses them, each with those before it in mind."""
    context = zlib.compressobj(wbits=-15)
    compressed = [context.compress(message) + context.flush(zlib.Z_SYNC_FLUSH) for message in messages]
    return [message.removesuffix(b"\0\0\xff\xff") for message in compressed]


def deflate(message: bytes) -> bytes:
    """One message alone."""
    return deflate_all([message])[0]


def connections(masked: bool) -> dict[str, bytes]:
    """What a peer may send after the handshake, and what it may not."""
    text = "grüße €".encode()
    euro = "€".encode()
    streams = {
        "text": [(FINAL | TEXT, text)],
        "empty": [(FINAL | TEXT, b""), (FINAL | BINARY, b""), (TEXT, b""), (CONTINUATION, b""), (FINAL, b"")],
        "binary-in-fragments": [(BINARY, b"a" * 30), (CONTINUATION, b"b" * 30), (FINAL, b"c" * 30)],
        "character-in-fragments": [(TEXT, euro[:1]), (FINAL | PING, b"ping"), (FINAL, euro[1:])],
        "pings": [(FINAL | PING, bytes([number])) for number in range(20)],
        "pings-with-much-in-them": [(FINAL | PING, b"x" * 125)] * 20,
        "pong": [(FINAL | PONG, b"unasked"), (FINAL | PONG, (1).to_bytes(8, "big"))],
        "close": [(FINAL | TEXT, b"bye"), (FINAL | CLOSE, b"\x03\xe8bye"), (FINAL | TEXT, b"too late")],
        "close-empty": [(FINAL | CLOSE, b"")],
        "close-half-a-code": [(FINAL | CLOSE, b"\x03")],
        "close-bad-code": [(FINAL | CLOSE, b"\x03\xed")],
        "close-bad-reason": [(FINAL | CLOSE, b"\x03\xe8\xed\xa0\x80")],
        "not-utf8": [(FINAL | TEXT, b"good"), (TEXT, b"ba\xff"), (FINAL, b"d")],
        "character-cut-off": [(FINAL | TEXT, euro[:2])],
        "nothing-to-continue": [(FINAL | CONTINUATION, b"of nothing")],
        "message-in-message": [(TEXT, b"one"), (FINAL | TEXT, b"two")],
        "ping-in-fragments": [(PING, b"p"), (FINAL, b"q")],
        "ping-too-large": [(FINAL | PING, b"x" * 126)],
        "opcode-3": [(FINAL | 3, b"?")],
        "opcode-11": [(FINAL | 11, b"?")],
        "rsv": [(FINAL | TEXT, b"a"), (FINAL | 0x40 | TEXT, b"b"), (FINAL | 0x30 | TEXT, b"c")],
        "fragments-at-the-limit": [(BINARY, b"1"), *[(CONTINUATION, b"2")] * 6, (FINAL, b"3")],
        "fragments-beyond-the-limit": [(BINARY, b"1"), *[(CONTINUATION, b"2")] * 8],
        "control-frames-beyond-the-limit": [(FINAL | PONG, b"")] * 42,
        "size-at-the-limit": [(BINARY, b"x" * 250), *[(CONTINUATION, b"y" * 250)] * 2, (FINAL, b"z" * 250)],
        "size-beyond-the-limit": [(BINARY, b"x" * 250), *[(CONTINUATION, b"y" * 250)] * 3, (FINAL, b"z")],
    }
    plain = b'{"op":1,"to":"cse-in","pc":{"op":1}}'
    whole, agreed = deflate(plain), RECORDS | COMPRESSION
    compressed = {
        "compressed": (agreed, [(FINAL | RSV1 | TEXT, whole)]),
        "compressed-in-fragments": (agreed, [(RSV1 | TEXT, whole[:9]), (FINAL | PING, b"."), (FINAL, whole[9:])]),
        "compressed-small-window": (agreed | 0x10, [(FINAL | TEXT, plain * 3), (FINAL | RSV1 | TEXT, whole)]),
        "compressed-takeover": (agreed | 0x3C, [(FINAL | RSV1 | TEXT, part) for part in deflate_all([plain] * 3)]),
        "compressed-small": (agreed | 0x40, [(FINAL | RSV1 | TEXT, whole), (FINAL | TEXT, plain * 5)]),
        "compressed-empty": (agreed, [(FINAL | RSV1 | TEXT, b""), (FINAL | RSV1 | TEXT, b"\x00")]),
        "compressed-bomb": (agreed, [(FINAL | RSV1 | BINARY, deflate(bytes(100_000)))]),
        "compressed-not": (agreed, [(FINAL | RSV1 | BINARY, b"no deflate")]),
        "compressed-not-utf8": (agreed, [(FINAL | RSV1 | TEXT, deflate(b"\xff"))]),
        "compressed-rsv1-late": (agreed, [(RSV1 | TEXT, whole[:9]), (FINAL | RSV1, whole[9:])]),
        "compressed-rsv1-ping": (agreed, [(FINAL | RSV1 | PING, b"")]),
    }
    framed = {**{name: (RECORDS, parts) for name, parts in streams.items()}, **compressed}
    seeds = {
        name: head(settings, 3, 1, 7) + b"".join(record(*part) for part in parts)
        for name, (settings, parts) in framed.items()
    }
    raw = {
        "raw-in-one-piece": (head(0), [frame(FINAL | TEXT, text, masked=masked), frame(FINAL | PING, masked=masked)]),
        "raw-byte-by-byte": (head(0, 1), [frame(FINAL | BINARY, b"x" * 200, masked=masked)]),
        "raw-wrong-mask": (head(0, 2), [frame(FINAL | TEXT, b"Hello", masked=not masked)]),
        "raw-long-length": (head(0, 5), [frame(FINAL | TEXT, b"Hello", masked=masked, form=126)]),
        "raw-longer-length": (head(0, 5), [frame(FINAL | TEXT, b"Hello", masked=masked, form=127)]),
        "raw-length-beyond-63-bits": (head(0, 4), [bytes([0x82, 0xFF if masked else 0x7F]), b"\xff" * 8, KEY]),
        "raw-length-beyond-the-limit": (head(0, 0, 4), [frame(FINAL | BINARY, b"x" * 1001, masked=masked)[:20]]),
    }
    return {**seeds, **{name: start + b"".join(frames) for name, (start, frames) in raw.items()}}


def lines(*text: str) -> bytes:
    """A head of HTTP."""
    return "\r\n".join([*text, "", ""]).encode("latin-1")


def server_handshakes() -> dict[str, bytes]:
    """What a client may ask, and what it may not."""
    get, host = "GET / HTTP/1.1", "Host: in.example:8080"
    asks = [host, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    good = [get, *asks, key]
    heads = {
        "good": good,
        "subprotocols": [
            *good,
            "Sec-WebSocket-Protocol: oneM2M.R2.0.json, oneM2M.json",
            "sec-websocket-protocol: chat",
        ],
        "origin": [*good, "Origin: https://page.example"],
        "upgrade-in-lists": [get, host, "Upgrade: h2c, WebSocket", "Connection: keep-alive, Upgrade", asks[3], key],
        "extensions": [*good, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"],
        "http-1.0": ["GET / HTTP/1.0", *asks, key],
        "post": ["POST / HTTP/1.1", *asks, key],
        "no-host": [get, *asks[1:], key],
        "empty-host": [get, "Host:", *asks[1:], key],
        "two-hosts": [*good, host],
        "body": [*good, "Content-Length: 5"],
        "chunks": [*good, "Transfer-Encoding: chunked"],
        "no-upgrade": [get, host, *asks[2:], key],
        "no-connection": [get, *asks[:2], asks[3], key],
        "version-8": [get, *asks[:3], "Sec-WebSocket-Version: 8", key],
        "two-versions": [*good, asks[3]],
        "no-key": [get, *asks],
        "short-key": [get, *asks, "Sec-WebSocket-Key: c2hvcnQ="],
        "two-keys": [*good, key],
        "bad-subprotocol": [*good, "Sec-WebSocket-Protocol: a/b"],
        "many-fields": [*good, *[f"X-{number}: {number}" for number in range(6)]],
        "large": [*good, "X: " + "x" * 600],
        "folded": [*good, "X: a", " b"],
    }
    seeds = {name: head(0, 1 + len(name) % 9) + lines(*text) for name, text in heads.items()}
    seeds["leftover"] = head(0) + lines(*good) + frame(FINAL | TEXT, b"Hello", masked=True)
    seeds["bare-line-feeds"] = head(0, 5) + b"\r\n" + lines(*good).replace(b"\r\n", b"\n")
    seeds["tls"] = head(0, 3) + b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    seeds["tls-beyond-the-limit"] = head(0) + b"\x16\x03\x01\x02\x00" * 110
    seeds["not-http"] = head(0, 3) + b"\x00\x01\x02"
    seeds["no-end"] = head(0, 200) + b"GET /" + b"x" * 520
    return seeds


def client_handshakes() -> dict[str, bytes]:
    """What a server may answer, and what it may not."""
    status = "HTTP/1.1 101 Switching Protocols"
    # The targets draw KEY four times as their key; the answer to it is computed as RFC 6455 4.2.2 says.
    key = base64.b64encode(KEY * 4) + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = "Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key).digest()).decode()
    upgrade = ["Upgrade: WebSocket", "Connection: Upgrade"]
    good = [status, *upgrade, accept]
    chosen = [*good, "Sec-WebSocket-Protocol: oneM2M.json"]
    plain, missing = 0x01, 0x02
    heads = {
        "subprotocol": (0, chosen),
        "subprotocol-case": (0, [*good, "Sec-WebSocket-Protocol: onem2m.JSON"]),
        "subprotocol-not-offered": (0, [*good, "Sec-WebSocket-Protocol: chat"]),
        "subprotocol-missing": (0, good),
        "subprotocol-missing-allowed": (missing, good),
        "subprotocol-twice": (0, [*chosen, "Sec-WebSocket-Protocol: oneM2M.json"]),
        "plain": (plain, good),
        "plain-with-subprotocol": (plain, chosen),
        "extension": (plain, [*good, "Sec-WebSocket-Extensions: permessage-deflate"]),
        "http-1.0": (plain, ["HTTP/1.0 101 Switching Protocols", *good[1:]]),
        "no-upgrade": (plain, [status, upgrade[1], accept]),
        "no-connection": (plain, [status, upgrade[0], accept]),
        "wrong-accept": (plain, [status, *upgrade, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]),
        "no-accept": (plain, [status, *upgrade]),
        "two-accepts": (plain, [*good, accept]),
        "many-fields": (plain, [*good, *[f"X-{number}: {number}" for number in range(8)]]),
        "large": (plain, [*good, "X: " + "x" * 600]),
        "redirect": (plain, ["HTTP/1.1 302 Found", "Location: ws://other.example/", "Content-Length: 0"]),
        "interim": (plain, ["HTTP/1.1 103 Early Hints", "Link: </a>", "", "HTTP/1.1 100 Continue", "", *good]),
        "interim-beyond-the-limit": (plain, ["HTTP/1.1 100 Continue", ""] * 20 + good),
        "upgrade-in-a-list": (plain, [status, "Upgrade: websocket, h2c", upgrade[1], accept]),
        "no-content": (plain, ["HTTP/1.1 204 No Content"]),
    }
    seeds = {name: head(settings, 1 + len(name) % 9) + lines(*text) for name, (settings, text) in heads.items()}
    refusal = ["HTTP/1.1 403 Forbidden", "Content-Type: text/plain"]
    chunks = b"3\r\nno \r\nA;ext=1\r\nsuch AE ok\r\n0\r\n\r\n"
    seeds["leftover"] = head(plain) + lines(*good) + frame(FINAL | TEXT, b"Hello", masked=False)
    seeds["refusal"] = head(plain, 7) + lines(*refusal, "Content-Length: 10") + b"no such AE and more"
    seeds["refusal-until-the-end"] = head(plain, 7) + lines(*refusal) + b"no such AE"
    seeds["refusal-cut-off"] = head(plain, 7) + lines(*refusal, "Content-Length: 100") + b"no such AE"
    seeds["refusal-in-chunks"] = head(plain, 7) + lines(*refusal, "Transfer-Encoding: chunked") + chunks
    seeds["refusal-beyond-the-limit"] = head(plain, 90) + lines(*refusal) + b"<p>" * 200
    seeds["refusal-in-a-large-chunk"] = (
        head(plain, 90) + lines(*refusal, "Transfer-Encoding: chunked") + b"1F4\r\n" + b"y" * 500 + b"\r\n0\r\n\r\n"
    )
    seeds["bare-line-feeds"] = head(plain, 5) + lines(*good).replace(b"\r\n", b"\n")
    seeds["not-http"] = head(plain, 3) + b"SSH-2.0-OpenSSH_9.2\r\n"
    seeds["nothing"] = head(plain)
    seeds["cut-off"] = head(plain, 9) + lines(*good)[:60]
    return seeds


def inflates() -> dict[str, bytes]:
    """Compressed payloads, good and bad, and contents that are to be compressed."""
    medium, large = 0x04, 0x06
    text = b"The originator sends a request primitive to the registrar, and the registrar answers. "
    last = zlib.compressobj(wbits=-15)
    final = last.compress(text) + last.flush(zlib.Z_FINISH)
    stored = zlib.compressobj(0, wbits=-15)
    plain = (stored.compress(text) + stored.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
    hello = bytes.fromhex("f248cdc9c90700")
    payloads = {
        # RFC 7692 7.2.3.1 to 7.2.3.6
        "hello": (medium, hello),
        "hello-in-fragments": (medium | 0x08, hello),
        "hello-stored": (medium, bytes.fromhex("000500faff48656c6c6f00")),
        "hello-last-block": (medium, bytes.fromhex("f348cdc9c9070000")),
        "hello-two-blocks": (medium, bytes.fromhex("f2480500 0000ffff cac9c90700")),
        "empty": (medium, b""),
        "empty-block": (medium, b"\x00"),
        # What else there is
        "own-codes": (medium, deflate(text * 4 + bytes(range(256)))),
        "stored": (medium, plain),
        "last-block": (medium, final),
        "last-block-and-another": (medium, final + hello),
        "last-block-cut-off": (medium, final[:-1]),
        "cut-off": (medium, deflate(text)[:-3]),
        "stored-cut-off": (medium, plain[:-9]),
        "bomb": (large, deflate(bytes(100_000))),
        "bomb-in-fragments": (medium | 0x08, deflate(bytes(100_000))),
        "at-the-limit": (medium, deflate(b"x" * 1000)),
        "beyond-the-limit": (medium, deflate(b"x" * 1001)),
        "nothing-allowed": (0, hello),
        "longer-than-anything": (0x02, bytes(range(256)) * 5),
        "block-type-3": (medium, b"\x07\x00"),
        "stored-wrong-complement": (medium, b"\x00\x05\x00\x00\x00Hello"),
        "reaches-back-too-far": (medium, bytes.fromhex("f208610000")),
        "reaches-back-too-far-too": (medium, deflate_all([text, text])[1]),
    }
    seeds = {name: head(settings, 5, 2) + payload for name, (settings, payload) in payloads.items()}
    for window in range(8):
        level = bytes([window | window << 3])
        seeds[f"sent-window-{8 + window}"] = head(0x09 | window % 2 << 1, 90) + level + text * 4
    # Repeats at 300 bytes, beyond the smallest window.
    seeds["sent-beyond-the-window"] = head(0x09) + b"\x28" + hashlib.shake_128(b"seed").digest(300)
    seeds["sent-small"] = head(0x05, 31, 32, 33) + b"\x0f" + text
    seeds["sent-takeover"] = head(0x03, 86) + b"\x0f" + text * 4
    return seeds


def negotiations() -> dict[str, bytes]:
    """Offers and answers of permessage-deflate, good and bad."""
    pmd, windows = "permessage-deflate", bytes([0x3F, 0x3F])
    texts = {
        "none": "",
        "plain": pmd,
        "all": f"{pmd}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; "
        "client_max_window_bits=9",
        "quoted": f'{pmd}; server_max_window_bits="12" ; client_max_window_bits',
        "quoted-escape": f'{pmd}; server_max_window_bits="1\\2"',
        "quoted-comma": f'x; y="a,b;c", {pmd}',
        "two-offers": f"{pmd}; client_max_window_bits; server_max_window_bits=8, {pmd}",
        "two-lines": f"x-webkit-deflate-frame\n{pmd}; client_max_window_bits",
        "empty-elements": f", ,{pmd},",
        "unknown-parameter": f"{pmd}; level=9, {pmd}; client_max_window_bits=15",
        "twice": f"{pmd}; client_max_window_bits; client_max_window_bits=10",
        "window-7": f"{pmd}; server_max_window_bits=7",
        "window-16": f"{pmd}; client_max_window_bits=16",
        "window-08": f"{pmd}; client_max_window_bits=08",
        "window-without-number": f"{pmd}; server_max_window_bits",
        "takeover-with-value": f"{pmd}; client_no_context_takeover=1",
        "case": "Permessage-Deflate",
        "open-quote": f'{pmd}; server_max_window_bits="12',
        "no-token": f"{pmd}; =10",
        "no-comma": f'{pmd}; server_max_window_bits="12" x',
    }
    seeds = {name: head(0x0F) + windows + text.encode() for name, text in texts.items()}
    bounded = bytes([0x17, 0x3F])  # send 15, receive 10
    for name, bits in {"at-most": "=10", "too-large": "=11", "of-no-size": ""}.items():
        seeds[f"window-{name}"] = head(0x03) + bounded + f"{pmd}; server_max_window_bits{bits}".encode()
    for number, settings in enumerate([0x00, 0x05, 0x0A, 0x0F]):
        seeds[f"settings-{number}"] = head(settings) + bytes([8 * number, 0x3F - number]) + texts["all"].encode()
    return seeds


def connect_responses() -> dict[str, bytes]:
    """What a proxy may answer, and what it may not."""
    known = 0x01
    secret = base64.b64encode(b"Aladdin:opensesame").decode()
    asks = ["HTTP/1.1 407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="a, b", Digest nonce=1']
    heads = {
        "opened": (known, ["HTTP/1.1 200 Connection established"]),
        "opened-1.0": (0, ["HTTP/1.0 200 OK", "Via: proxy"]),
        "opened-with-length": (0, ["HTTP/1.1 204 No Content", "Content-Length: 10", "Transfer-Encoding: chunked"]),
        "interim": (0, ["HTTP/1.1 100 Continue", "", "HTTP/1.1 200 OK"]),
        "switching": (0, ["HTTP/1.1 101 Switching Protocols"]),
        "authentication": (0, [*asks, "Content-Length: 0"]),
        "authentication-as-of-a-server": (known, ["HTTP/1.1 401 Unauthorized", asks[1], "Content-Length: 0"]),
        "authentication-refused": (known, [*asks, "Content-Length: 0"]),
        "repeats-credentials": (known, ["HTTP/1.1 403 " + secret, "X: Basic " + secret, "Content-Length: 0"]),
        "redirect": (0, ["HTTP/1.1 302 Found", "Location: http://login.example/", "Content-Length: 0"]),
        "many-fields": (0, ["HTTP/1.1 200 OK", *[f"X-{number}: {number}" for number in range(11)]]),
        "large": (0, ["HTTP/1.1 200 OK", "X: " + "x" * 600]),
        "folded": (0, ["HTTP/1.1 200 OK", "X: a", " b"]),
    }
    seeds = {name: head(settings, 1 + len(name) % 9) + lines(*text) for name, (settings, text) in heads.items()}
    body = f"<p>Proxy-Authorization: Basic {secret}</p>".encode()
    seeds["something-behind"] = head(0) + lines("HTTP/1.1 200 OK") + b"\x81\x05Hello"
    seeds["something-behind-in-pieces"] = head(0, 19, 5) + lines("HTTP/1.1 200 OK") + b"\x81\x05Hello"
    seeds["repeats-credentials-in-body"] = head(known, 9) + lines("HTTP/1.1 400 Bad Request") + body
    seeds["repeats-credentials-at-once"] = head(known, 90) + body
    seeds["body-beyond-the-limit"] = head(0, 90) + lines("HTTP/1.1 502 Bad Gateway") + b"<p>" * 200
    seeds["not-http"] = head(0, 3) + b"\x05\xff"
    seeds["no-end"] = head(0, 100) + b"HTTP/1.1 200 " + b"x" * 600
    seeds["nothing"] = head(0)
    return seeds


def vectors(form: str) -> dict[str, bytes]:
    """The primitives of the test vectors in one format, without the white space of JSON."""
    files = sorted(VECTORS.glob(f"*{form}"))
    seeds = {path.name.removesuffix(form): path.read_bytes() for path in files}
    if form == ".json":
        return {name: json.dumps(json.loads(data), separators=(",", ":")).encode() for name, data in seeds.items()}
    if form == ".cbor.hex":
        return {name: bytes.fromhex(data.decode()) for name, data in seeds.items()}
    return seeds


def jsons() -> dict[str, bytes]:
    """Primitives in JSON, also as older peers write them."""
    odd = {
        "odd-wrapped": b'{"m2m:rqp":{"m2m:op":"1","to":"a","rqi":5,"pc":{}}}',
        "odd-numbers": b'{"rsc":2000.0,"rqi":"r","pc":{"x":[1e400,18446744073709551616,-0,0.1,1E5]}}',
        "odd-escapes": rb'{"op":2,"to":"\u0061\ud83d\ude00","rqi":"\"","\u0072vi":"3","fc":{"lbl":["a b"]}}',
        "odd-text": b'{"op":5,"to":"a","rqi":"r","pc":"{\\"m2m:sgn\\":{}}"}',
        "odd-response-type": b'{"op":2,"to":"a","rqi":"r","rt":3,"rids":"x","da":"true","fc":{}}',
        "odd-deep": b'{"rsc":1,"pc":{"x":' + b"[" * 62 + b"]" * 62 + b"}}",
    }
    return vectors(".json") | odd


def xmls() -> dict[str, bytes]:
    """Primitives in XML, also as other peers write them."""
    m2m = b"http://www.onem2m.org/xml/protocols"
    odd = {
        "odd-no-namespace": b"<rqp><op>2</op><to>a</to><rqi>r</rqi></rqp>",
        "odd-default-namespace": b'<rsp xmlns="'
        + m2m
        + b'"><rsc>2000</rsc><rqi>r</rqi><pc><cin><rn>x</rn></cin></pc></rsp>',
        "odd-prefix": b'<p:rsp xmlns:p="' + m2m + b'"><rsc>2000</rsc><rqi>r</rqi><pc><p:cin rn="x"/></pc></p:rsp>',
        "odd-other-namespace": b'<m2m:rsp xmlns:m2m="' + m2m + b'" xmlns:c="' + m2m + b'/commondomain"><rsc>2000</rsc>'
        b"<rqi>r</rqi><pc><c:color><red> 5 </red></c:color></pc></m2m:rsp>",
        "odd-lists": b'<m2m:rsp xmlns:m2m="'
        + m2m
        + b'"><rsc>2000</rsc><rqi>r</rqi><pc><m2m:ae><acpi>a</acpi><acpi>b</acpi>'
        b"<poa/></m2m:ae></pc></m2m:rsp>",
        "odd-entities": b'<?xml version="1.0"?><!-- c --><m2m:rqp xmlns:m2m="'
        + m2m
        + b'"><op>5</op><to>&#x61;&amp;</to>'
        b"<rqi><![CDATA[r]]></rqi><pc><m2m:cin><con>&lt;&#13;&gt;&quot;</con></m2m:cin></pc></m2m:rqp>",
        "odd-doctype": b'<!DOCTYPE x [<!ENTITY a "b">]><m2m:rqp xmlns:m2m="' + m2m + b'"><op>2</op></m2m:rqp>',
    }
    return vectors(".xml") | odd


def cbors() -> dict[str, bytes]:
    """Primitives in CBOR, also as the examples of TS-0004 8.5.2 write them."""
    odd = {
        "odd-indefinite": bytes.fromhex(
            "bf626f7001627 46f6161637271697f6172ff62706 3bf6178 9f01ffffff".replace(" ", "")
        ),
        "odd-byte-strings": bytes.fromhex("a4426f700142746f4161437271694172427063a1417841ff"),
        "odd-floats": bytes.fromhex(
            "a263727363fa44fa00006270 63a16178 83f93e00fb3fb999999999999a1bffffffffffffffff".replace(" ", "")
        ),
        "odd-length": bytes.fromhex("a1627063bb7fffffffffffffff"),
    }
    return vectors(".cbor.hex") | odd


def main() -> int:
    """The command; see the module's text."""
    targets = {
        "codec_json": jsons(),
        "codec_xml": xmls(),
        "codec_cbor": cbors(),
        "codec_convert": jsons(),
        "server_connection": connections(masked=True),
        "client_connection": connections(masked=False),
        "connect_response": connect_responses(),
        "deflate_negotiation": negotiations(),
        "inflate": inflates(),
        "server_handshake": server_handshakes(),
        "client_handshake": client_handshakes(),
    }
    for target, seeds in targets.items():
        folder = SEEDS / target
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)
        print(f"{target}: {len(seeds)} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
