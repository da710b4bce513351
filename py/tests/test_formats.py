"""Formats: the main job over each of them, their choice, conversion, and the command `onem2m-ws convert`."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faces import Face
from peer import Peer

import onem2m_ws
from onem2m_ws import Format, _native, errors, sync

LISTEN = "ws://127.0.0.1:0"
RETRIEVE: dict[str, Any] = {"op": 2, "to": "cse-in", "fr": "C1", "rqi": "1", "rvi": "3"}
#: A list item with a blank, which XML cannot carry.
BLANK = {"m2m:cnt": {"lbl": ["a b"]}}


def cbor(primitive: dict[str, Any]) -> bytes:
    return onem2m_ws.convert(json.dumps(primitive), "json", "cbor")


# --- connections


@pytest.mark.parametrize("wire", Format)
def test_ws_6_2_2_9_1_the_main_job(face: Face, registrar: sync.Registrar, name: str, wire: Format) -> None:
    sensor = face.connect(registrar.url, originator=f"C{name}", formats=[wire])
    actuator = face.connect(registrar.url, originator=f"C{name}b", formats=[wire])
    with sensor, actuator:
        assert sensor.format is actuator.format is wire
        sensor.register_ae(app_id="Ntest", name=name, attributes={"lbl": ["room:7"]})
        actuator.register_ae(app_id="Ntest", name=f"{name}b")
        made = sensor.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data", "mni": 7}})
        assert made.status == 2001
        assert made.content["m2m:cnt"]["rn"] == "data" and made.content["m2m:cnt"]["mni"] == 7
        assert made.parameters["rqi"] == made.request_id
        # As it came, and as JSON.
        raw = made.content_as(wire)
        assert raw and (wire is Format.JSON) == (raw == made.content_as("json"))
        assert json.loads(made.content_as("json")) == made.content

        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        subscription = actuator.subscribe(f"cse-in/{name}/data", seen.put, name="sub")
        for value in ("21.5 °C", '<&> "\\'):
            sensor.create(
                f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": value}}, parameters={"vsi": "v"}
            ).raise_for_status()
            notification = seen.get(timeout=5)
            assert notification.representation["m2m:cin"]["con"] == value
            assert notification.event == 3
            assert json.loads(notification.request.content_as(Format.JSON)) == notification.request.content
            assert notification.request.content_as(wire)
            assert notification.request.parameters["op"] == 5
        assert sensor.discover(f"cse-in/{name}", types=[3]).addresses == [f"cse-in/{name}/data"]

        # A request of the other's, answered with content.
        actuator.on_request(lambda request: onem2m_ws.Response(2000, {"m2m:dbg": request.to}))
        answer = sensor.notify(f"cse-in/{name}b", content={"m2m:sgn": {"sur": "x"}})
        assert answer.status == 2000 and answer.debug

        # Offline and back.
        actuator.disconnect()
        assert [actuator.format] == [None]  # in lists, since mypy takes it for the value above
        sensor.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": "later"}}).raise_for_status()
        assert seen.empty()
        actuator.connect()
        assert seen.get(timeout=5).representation["m2m:cin"]["con"] == "later"
        assert subscription.delete().ok
        gone = sensor.retrieve(f"cse-in/{name}/nowhere")
        assert gone.status == 4004 and gone.debug


def test_ws_6_2_2_9_1_entities_of_different_formats(face: Face, registrar: sync.Registrar, name: str) -> None:
    with (
        face.connect(registrar.url, originator=f"C{name}", formats="cbor") as one,
        face.connect(registrar.url, originator=f"C{name}b", formats=Format.XML) as other,
    ):
        one.register_ae(app_id="Ntest", name=name)
        other.register_ae(app_id="Ntest", name=f"{name}b")
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        other.on_request(lambda request: seen.put(request.content))
        content = {"m2m:sgn": {"sur": "cse-in/x", "nev": {"rep": {"m2m:cin": {"con": "1"}}, "net": 3}}}
        assert one.notify(f"cse-in/{name}b", content=content).ok
        assert seen.get(timeout=5) == content


def test_ws_6_2_3_5_1_client_and_registrar_choose(face: Face) -> None:
    with face.registrar(listen=LISTEN, formats=["xml", Format.JSON]) as registrar:
        with face.connect(registrar.url, formats=["cbor", "json"]) as client:
            assert client.format is Format.JSON
        with face.connect(registrar.url) as client:
            assert client.format is Format.JSON  # the default
        with pytest.raises(errors.HandshakeRefusedError, match="400"):
            face.connect(registrar.url, formats=["cbor"])
    with face.registrar(listen=LISTEN, formats="cbor") as registrar:
        with face.connect(registrar.url, formats=["JSON", "CBOR"]) as client:
            assert client.format is Format.CBOR
        with pytest.raises(errors.HandshakeRefusedError):
            face.connect(registrar.url)


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        (["yaml"], "'yaml'|\"yaml\" is none of json, xml and cbor"),
        ("yaml", '"yaml" is none of'),
        ([], "at least one format"),
        ([1], "formats is a Format or its name, not 1"),
    ],
)
def test_formats_that_cannot_be_are_refused_by_name(face: Face, peer: Peer, formats: Any, said: str) -> None:
    with pytest.raises(errors.ArgumentError, match=said):
        face.connect(peer.url, formats=formats)
    with pytest.raises(errors.ArgumentError, match=said):
        face.registrar(listen=LISTEN, formats=formats).start()


def test_what_a_format_cannot_carry_is_an_error_before_it_is_sent(
    face: Face, registrar: sync.Registrar, name: str
) -> None:
    with face.connect(registrar.url, originator=f"C{name}", formats=["xml"]) as ae:
        ae.register_ae(app_id="Ntest", name=name)
        with pytest.raises(errors.EncodeError, match="lbl"):
            ae.create(f"cse-in/{name}", ty=3, content=BLANK)
        assert ae.retrieve(f"cse-in/{name}").ok


def test_content_that_python_cannot_read_is_named(face: Face) -> None:
    with Peer(subprotocol="oneM2M.cbor") as peer:
        settings: dict[str, Any] = {"originator": "C1", "registered": True, "formats": ["cbor"]}
        with face.connect(peer.url, **settings) as ae:
            seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
            ae.on_request(seen.put)
            request = {"op": 5, "to": "C1", "fr": "/id-in", "rqi": "9", "pc": {"m2m:sgn": {"x": 0.5}}, "rvi": "3"}
            # 0.5 becomes "not a number", which JSON does not have.
            peer.tell(cbor(request).replace(bytes.fromhex("fa3f000000"), bytes.fromhex("fa7fc00000")))
            received = seen.get(timeout=5)
            with pytest.raises(errors.DecodeError, match=r"m2m:sgn/x.* not finite"):
                _ = received.content
            with pytest.raises(errors.EncodeError, match=r"m2m:sgn/x.* not finite"):
                received.content_as("json")
            assert bytes.fromhex("fa7fc00000") in received.content_as(Format.CBOR)
            assert received.parameters["rqi"] == "9"


# --- content


def test_content_of_what_a_program_makes() -> None:
    request = onem2m_ws.Request(1, "cse-in", ty=3, content={"m2m:cnt": {"rn": "a"}})
    assert request.content_as("cbor") == b"\xa1gm2m:cnt\xa1brnaa"
    assert request.content_as(Format.JSON) == b'{"m2m:cnt":{"rn":"a"}}'
    assert b"cnt" in (request.content_as(Format.XML) or b"")
    assert onem2m_ws.Request(2, "cse-in").content_as("cbor") is None
    response = onem2m_ws.Response(4000, {"m2m:dbg": "x"})
    assert response.content_as("cbor") == b"\xa1gm2m:dbgax"
    assert onem2m_ws.Response(2000).content_as("xml") is None
    with pytest.raises(errors.EncodeError, match="lbl"):
        onem2m_ws.Response(2000, BLANK).content_as("xml")
    with pytest.raises(errors.ArgumentError, match='"yaml" is none of'):
        response.content_as("yaml")
    with pytest.raises(errors.ArgumentError, match="format is a Format or its name, not 3"):
        response.content_as(3)  # type: ignore[arg-type]


# --- conversion


def test_formats_are_those_of_the_library() -> None:
    assert [str(format) for format in Format] == _native.format_names()


@pytest.mark.parametrize("there", Format)
def test_primitives_are_converted_and_back(there: Format) -> None:
    data = onem2m_ws.convert(json.dumps(RETRIEVE), "json", there)
    assert json.loads(onem2m_ws.convert(data, there, Format.JSON)) == RETRIEVE
    assert onem2m_ws.convert(bytearray(data), there, there) == onem2m_ws.convert(memoryview(data), there, there) == data
    pretty = onem2m_ws.convert(data, there, there, pretty=True)
    assert (pretty == data) == (there is Format.CBOR)
    assert json.loads(onem2m_ws.convert(pretty, there, "JSON")) == RETRIEVE


@pytest.mark.parametrize(
    ("data", "source", "target", "kind", "said"),
    [
        ('{"op":2', "json", "cbor", errors.DecodeError, r"\(byte 7\)"),
        (b"\xff", "cbor", "json", errors.DecodeError, r"\(byte 0\)"),
        ("<m2m:rqp", "xml", "json", errors.DecodeError, "byte"),
        (json.dumps({"rsc": 2000, "rqi": "1", "pc": BLANK}), "json", "xml", errors.EncodeError, "lbl"),
        ("{}", "json", "yaml", errors.ArgumentError, '"yaml" is none of json, xml and cbor'),
        ("{}", None, "json", errors.ArgumentError, "from_ is a Format or its name, not None"),
        (5, "json", "json", errors.ArgumentError, "data is bytes or text, not of type int"),
        ("\ud800", "json", "json", errors.ArgumentError, "data"),
    ],
)
def test_what_cannot_be_converted(data: Any, source: Any, target: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        onem2m_ws.convert(data, source, target)


def test_own_flex_containers_are_registered() -> None:
    with pytest.raises(errors.ArgumentError, match='"initech" has no namespace'):
        onem2m_ws.register_flex_container("initech:thermo", {"temp": "number"})
    onem2m_ws.register_namespace("initech", "http://initech.example/iot")
    onem2m_ws.register_namespace("initech", "http://initech.example/iot")
    with pytest.raises(errors.ArgumentError, match="already registered"):
        onem2m_ws.register_namespace("initech", "http://other.example")
    with pytest.raises(errors.ArgumentError, match='"degrees"'):
        onem2m_ws.register_flex_container("initech:thermo", {"temp": "degrees"})
    with pytest.raises(errors.ArgumentError, match="attributes: temp is text, not 5"):
        onem2m_ws.register_flex_container("initech:thermo", {"temp": 5})  # type: ignore[dict-item]
    with pytest.raises(errors.ArgumentError, match="dictionary"):
        onem2m_ws.register_flex_container("initech:thermo", [("temp", "number")])  # type: ignore[arg-type]
    with pytest.raises(errors.ArgumentError, match="prefix is text"):
        onem2m_ws.register_namespace(None, "http://initech.example/iot")  # type: ignore[arg-type]
    onem2m_ws.register_flex_container("initech:thermo", {"temp": "number", "alarms": "integer_list"})
    primitive = {"rsc": 2000, "rqi": "1", "pc": {"initech:thermo": {"temp": 21.5, "alarms": [1, 2]}}, "rvi": "3"}
    there = onem2m_ws.convert(json.dumps(primitive), "json", "xml")
    assert json.loads(onem2m_ws.convert(there, "xml", "json")) == primitive  # numbers are numbers


# --- the command

COMMAND = [str(Path(sys.executable).with_name("onem2m-ws")), "convert"]


def run(source: str, target: str, *more: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, "--from", source, "--to", target, *more]
    return subprocess.run(command, input=data, capture_output=True, timeout=30)


def converted(source: str, target: str, *more: str, data: bytes = b"") -> bytes:
    result = run(source, target, *more, data=data)
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout


def complaint(source: str, target: str, *more: str, data: bytes = b"") -> str:
    result = run(source, target, *more, data=data)
    assert (result.returncode, result.stdout) == (1, b"")
    text = result.stderr.decode()
    assert text.startswith("onem2m-ws convert: ") and text.endswith("\n") and text.count("\n") == 1
    return text


def test_the_command_converts_files_and_standard_input(tmp_path: Path) -> None:
    text = json.dumps(RETRIEVE, separators=(",", ":")).encode()
    file = tmp_path / "request.json"
    file.write_bytes(text + b"\n")
    raw = cbor(RETRIEVE)
    assert converted("json", "cbor", str(file)) == converted("json", "cbor", data=text) == raw
    assert converted("cbor", "json", data=raw) == text + b"\n"
    assert converted("json", "cbor-hex", data=text) == raw.hex().encode() + b"\n"
    digits = f" {raw.hex(' ', 4).upper()}\n\t".encode()
    assert converted("cbor-hex", "cbor", data=digits) == raw
    xml = converted("cbor-hex", "xml", data=digits)
    assert xml.endswith(b">\n") and not xml.endswith(b"\n\n")
    assert converted("xml", "json", data=xml) == text + b"\n"
    for wire in ("json", "xml"):
        pretty = converted("json", wire, "--pretty", data=text)
        assert pretty.count(b"\n") > 3 and pretty.endswith((b"}\n", b">\n"))
        assert converted(wire, "json", data=pretty) == text + b"\n"
    assert converted("json", "cbor", "--pretty", data=text) == raw


def test_the_command_names_what_it_cannot_convert(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(b'{"op":2')
    assert complaint("json", "cbor", str(bad)).startswith(f"onem2m-ws convert: {bad}: expected ")
    assert "(byte 7)" in complaint("json", "cbor", str(bad))
    assert complaint("json", "cbor", data=b"").startswith("onem2m-ws convert: standard input: ")
    blank = json.dumps({"rsc": 2000, "rqi": "1", "pc": BLANK, "rvi": "3"}).encode()
    assert "lbl" in complaint("json", "xml", data=blank)
    assert "3 hexadecimal digits are not whole bytes" in complaint("cbor-hex", "json", data=b"a1 0")
    assert "digit 3 is no hexadecimal digit" in complaint("cbor-hex", "json", data=b"a1 x0")
    assert "is no hexadecimal digit" in complaint("cbor-hex", "json", data=b"\xff\xff")
    missing = str(tmp_path / "missing\n.json")
    assert complaint("json", "xml", missing).endswith("missing\\n.json: No such file or directory\n")
    assert "directory" in complaint("json", "xml", str(tmp_path))


def test_the_command_says_when_its_output_is_refused() -> None:
    data = json.dumps(RETRIEVE).encode()
    with open("/dev/full", "wb") as full:
        command = [*COMMAND, "--from", "json", "--to", "xml"]
        result = subprocess.run(command, input=data, stdout=full, stderr=subprocess.PIPE, timeout=30)
    assert result.returncode == 1
    assert result.stderr == b"onem2m-ws convert: standard output: No space left on device\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--from", "json"],
        ["--to", "json"],
        ["--from", "yaml", "--to", "json"],
        ["--from", "json", "--to", "xml", "a", "b"],
        ["--from", "json", "--to", "xml", "--nicely"],
    ],
)
def test_the_command_tells_how_it_is_used(arguments: list[str]) -> None:
    result = subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=30, stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"usage: onem2m-ws " in result.stderr and b"error: " in result.stderr
