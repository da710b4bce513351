"""TLS, with both faces. Certificates and the other ends are made by libraries that share no code with ours."""

from __future__ import annotations

import logging
import os
import pickle
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import DAY, Authority, Credential, RawKey
from faces import Face
from front import Front, refusing, server_context
from peer import Peer, until

import onem2m_ws
from onem2m_ws import TLS, PeerIdentity, _native, errors, events

PROVIDER = "//onem2m-ws.example"


class World:
    """An authority, a registrar's certificate, and those of AEs."""

    def __init__(self) -> None:
        self.ca = Authority()
        self.other = Authority()
        self.registrar = self.ca.issue("IP:127.0.0.1", "DNS:in.sp.example")

    def ae(self, name: str, **how: Any) -> Credential:
        """The certificate of the AE with this AE-ID-Stem."""
        return self.ca.issue(f"URI:{PROVIDER}/id-in/{name}", **how)

    def tls(self, credential: Credential, **more: Any) -> TLS:
        """The settings of an end with this credential."""
        return TLS(cert=credential.cert, key=credential.key, **{"ca": self.ca.pem, **more})


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@contextmanager
def secure(face: Face, world: World, **tls: Any) -> Iterator[Any]:
    """A registrar of ours with mutual TLS."""
    with face.registrar(listen="wss://127.0.0.1:0", tls=world.tls(world.registrar, **tls)) as registrar:
        yield registrar


def test_ws_7_1_mutual_tls_from_the_registration_to_a_notification(face: Face, world: World, name: str) -> None:
    with secure(face, world) as registrar:
        assert registrar.url.startswith("wss://127.0.0.1:")
        mine = world.ae(f"C{name}")
        with face.connect(registrar.url, originator=f"C{name}", tls=world.tls(mine)) as ae:
            assert ae.register_ae(app_id="Ntest", name=name).entity == f"C{name}"
            ae.create(f"cse-in/{name}", ty=3, content={"m2m:cnt": {"rn": "data"}}).raise_for_status()
            seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
            ae.subscribe(f"cse-in/{name}/data", lambda n: seen.put(n.representation["m2m:cin"]["con"]), name="sub")
            ae.create(f"cse-in/{name}/data", ty=4, content={"m2m:cin": {"con": "21.5"}}).raise_for_status()
            assert seen.get(timeout=10) == "21.5"
            assert ae.peer_identity == PeerIdentity(
                "certificate",
                ae.peer_identity.principal,
                ("IP:127.0.0.1", "DNS:in.sp.example"),
                None,
                world.registrar.not_after,
            )
            ae.disconnect()
            assert ae.peer_identity is None
            assert ae.retrieve(f"cse-in/{name}/data").ok
            assert ae.peer_identity is not None


def test_ws_7_2_a_certificate_speaks_for_its_own_entity(face: Face, world: World, name: str) -> None:
    mine, entity = world.ae(f"C{name}"), f"{PROVIDER}/id-in/C{name}"
    with secure(face, world) as registrar:
        assert registrar.identity_of(f"C{name}") is None
        other: dict[str, Any] = {"originator": f"C{name}x", "tls": world.tls(mine)}
        with pytest.raises(errors.HandshakeRefusedError) as refused:
            face.connect(registrar.url, **other)
        assert refused.value.status == 403
        with face.connect(registrar.url, origin_header=False, **other) as ae:
            with pytest.raises(errors.RegistrationRefusedError) as raised:
                ae.register_ae(app_id="Ntest", name=f"{name}x")
            assert raised.value.response.status // 1000 == 4
        with face.connect(registrar.url, originator=f"C{name}", tls=world.tls(mine)) as ae:
            ae.register_ae(app_id="Ntest", name=name)
            assert registrar.identity_of(f"C{name}") == PeerIdentity(
                "certificate", f"URI:{entity}", (f"URI:{entity}",), (entity,), mine.not_after
            )
            assert registrar.identity_of("Cnobody") is None
            request = onem2m_ws.Request(2, f"cse-in/{name}", parameters={"fr": "CAdmin"})
            assert ae.send(request).status // 1000 == 4
            assert ae.retrieve(f"cse-in/{name}").ok


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_ws_7_1_files_or_bytes_in_each_version(face: Face, world: World, tmp_path: Path, version: str) -> None:
    cert, key = world.registrar.save(tmp_path, "in")
    ca = world.ca.save(tmp_path)
    both = tmp_path / "both.pem"
    mine = world.ae("Cfiles")
    both.write_bytes(mine.cert + mine.key)
    settings = TLS(cert=str(cert), key=key, ca=[ca, world.other.pem], min_version=version, max_version=version)
    with face.registrar(listen="wss://127.0.0.1:0", tls=settings) as registrar:
        for tls in (TLS(cert=both, ca=str(ca)), world.tls(mine)):
            with face.connect(registrar.url, originator="Cfiles", tls=tls) as ae:
                ae.register_ae(app_id="Ntest", name="files", attributes={"lbl": [version]})
                assert ae.delete("cse-in/files").ok
        newest = "1.2" if version == "1.3" else "1.3"
        with pytest.raises(errors.TlsError, match="version") as raised:
            face.connect(registrar.url, tls=world.tls(mine, min_version=newest, max_version=newest))
        assert type(raised.value) is errors.TlsError


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize(
    ("who", "kind", "text"),
    [
        ("one who trusts another authority", "PeerNotTrustedError", "authority"),
        ("one without a certificate", "CredentialRefusedError", "wants a certificate"),
        ("one of another authority", "CredentialRefusedError", "UnknownCA"),
        ("one whose certificate has expired", "CredentialRefusedError", "has expired"),
        ("one whose certificate names nobody", "CredentialRefusedError", "knows nobody"),
    ],
)
def test_ws_7_1_no_association_no_connection(
    face: Face, world: World, version: str, who: str, kind: str, text: str
) -> None:
    mine = world.ae("Cwho")
    foreign = world.other.issue(f"URI:{PROVIDER}/id-in/Cwho")
    tls = {
        "one who trusts another authority": world.tls(mine, ca=world.other.pem),
        "one without a certificate": TLS(ca=world.ca.pem),
        "one of another authority": world.tls(foreign),
        "one whose certificate has expired": world.tls(world.ae("Cwho", lasts=-DAY)),
        "one whose certificate names nobody": world.tls(world.ca.issue("DNS:node.sp.example")),
    }[who]
    with secure(face, world, min_version=version, max_version=version) as registrar:
        told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        registrar.on_event(told.put)
        with pytest.raises(getattr(errors, kind), match=text) as raised:
            face.connect(registrar.url, originator="Cwho", tls=tls)
        assert type(raised.value).__name__ == kind
        assert isinstance(raised.value, (errors.TlsError, ConnectionError))
        assert str(raised.value).startswith(f"{registrar.url}: ")
        event = told.get(timeout=10)
        assert isinstance(event, events.TlsRefused)
        assert event.peer.startswith("127.0.0.1:") and event.why
        assert registrar.counters["tls_refused"] == 1


@pytest.mark.parametrize(
    ("names", "lasts", "text"), [(["IP:127.0.0.1"], -DAY, "expired"), (["DNS:in.sp.example"], DAY, "server_name")]
)
def test_ws_7_1_a_server_that_is_not_the_one(
    face: Face, world: World, tmp_path: Path, peer: Peer, names: list[str], lasts: Any, text: str
) -> None:
    context = server_context(tmp_path, world.ca.issue(*names, lasts=lasts))
    with Front(peer.url, context) as front:
        with pytest.raises(errors.PeerNotTrustedError, match=text):
            face.connect(front.url, originator="Ctest", tls=TLS(ca=world.ca.pem))
        assert peer.handshakes == []
        if text == "server_name":
            tls = TLS(ca=world.ca.pem, server_name="in.sp.example")
            with face.connect(front.url, originator="Ctest", registered=True, tls=tls) as ae:
                assert ae.retrieve("cse-in").ok
                assert ae.peer_identity.names == ("DNS:in.sp.example",)


def attempt(face: Face, url: str, tls: TLS) -> tuple[errors.OneM2MError, list[str]]:
    """Why there is no connection, and the states on the way there."""
    states: list[str] = []
    with face.connect(url, originator="Ctest", registered=True, open_now=False, tls=tls) as ae:
        ae.on_state(lambda change: states.append(change.state))
        with pytest.raises(errors.TlsError) as raised:
            ae.connect()
        until(lambda: "disconnected" in states)
        assert ae.peer_identity is None
    return raised.value, states


def test_ws_7_1_the_connection_is_open_when_the_server_has_accepted_the_certificate(
    face: Face, world: World, tmp_path: Path, peer: Peer
) -> None:
    """A TLS 1.3 handshake is over for a client before its certificate is judged."""
    context = server_context(tmp_path, world.registrar, clients=world.other)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    mine = world.tls(world.ae("Ctest"))
    with refusing(context) as url:
        error, states = attempt(face, url, mine)
        assert type(error) is errors.CredentialRefusedError and "UnknownCA" in str(error)
        assert "connecting" in states and "open" not in states
    with Front(peer.url, context) as front:
        error, states = attempt(face, front.url, mine)
        assert type(error) is errors.TlsError and "do not accept the certificate" in str(error)
        assert "connecting" in states and "open" not in states
        assert peer.handshakes == []
        # The same server takes a certificate of the authority that it trusts.
        theirs = world.other.issue(f"URI:{PROVIDER}/id-in/Ctest")
        with face.connect(front.url, originator="Ctest", registered=True, tls=world.tls(theirs)) as ae:
            assert ae.retrieve("cse-in").ok


@contextmanager
def speaking(greeting: bytes) -> Iterator[str]:
    """A server that says something at once, and ends the connection when the client does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)
                connection.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        yield f"wss://127.0.0.1:{server.getsockname()[1]}"


def test_ws_7_1_tls_where_there_is_none_and_none_where_there_is(face: Face, world: World) -> None:
    tls = world.tls(world.ae("Ctest"))
    with face.registrar(listen="ws://127.0.0.1:0") as plain:
        with pytest.raises(errors.TlsError, match="does not speak TLS"):
            face.connect(plain.url.replace("ws://", "wss://"), tls=tls)
        with pytest.raises(errors.StateError, match="without TLS"):
            plain.reload_tls()
        with face.connect(plain.url, originator="Ctest") as ae:
            assert ae.peer_identity is None
            with pytest.raises(errors.StateError, match="no TLS"):
                ae.reload_tls()
    with speaking(b"SSH-2.0-OpenSSH_9.2\r\n") as url, pytest.raises(errors.TlsError, match="does not speak TLS"):
        face.connect(url, tls=tls)
    with secure(face, world) as registrar, pytest.raises(errors.NotWebSocketError, match="wss://"):
        face.connect(registrar.url.replace("wss://", "ws://"))
    # What cannot be meant is refused before anything is sent.
    with pytest.raises(errors.ArgumentError, match="wss:// needs tls"):
        face.connect("wss://127.0.0.1:1")
    with pytest.raises(errors.ArgumentError, match="use wss://"):
        face.connect("ws://127.0.0.1:1", tls=tls)
    places: list[dict[str, Any]] = [
        {"listen": "wss://127.0.0.1:0"},
        {"listen": "ws://127.0.0.1:0", "tls": tls},
        {"listen": [("ws://127.0.0.1:0", tls)]},
        {"listen": ("wss://127.0.0.1:0", tls)},
    ]
    for place in places:
        with pytest.raises(errors.ArgumentError), face.registrar(**place):
            pass


def test_ws_7_1_a_credential_that_is_revoked_ends_its_connection(face: Face, world: World, tmp_path: Path) -> None:
    crl = tmp_path / "crl.pem"
    crl.write_bytes(world.ca.revoked())
    lost, kept = world.ae("Clost"), world.ae("Ckept")
    with (
        secure(face, world, crl=crl) as registrar,
        face.connect(registrar.url, originator="Clost", tls=world.tls(lost)) as losing,
        face.connect(registrar.url, originator="Ckept", tls=world.tls(kept)) as keeping,
    ):
        losing.register_ae(app_id="Ntest", name="lost")
        keeping.register_ae(app_id="Ntest", name="kept")
        assert registrar.reload_tls() == 0
        crl.write_text("not a list")
        with pytest.raises(errors.ArgumentError, match=r"crl\.pem"):
            registrar.reload_tls()
        assert losing.retrieve("cse-in/lost").ok
        crl.write_bytes(world.ca.revoked(lost))
        assert registrar.reload_tls() == 1
        until(lambda: isinstance(losing.state.cause, errors.CredentialRefusedError))
        with pytest.raises(errors.CredentialRefusedError, match="revoked"):
            losing.connect()
        assert keeping.retrieve("cse-in/kept").ok
        assert keeping.counters["connections"] == 1


def test_ws_7_1_a_client_reads_its_files_anew(face: Face, world: World, tmp_path: Path) -> None:
    ca = world.ca.save(tmp_path)
    with (
        secure(face, world) as registrar,
        face.connect(registrar.url, originator="Cnew", tls=world.tls(world.ae("Cnew"), ca=ca)) as ae,
    ):
        ae.register_ae(app_id="Ntest", name="new")
        ae.reload_tls()
        ca.write_text("nothing")
        with pytest.raises(errors.ArgumentError, match=r"ca\.pem"):
            ae.reload_tls()
        assert ae.retrieve("cse-in/new").ok and ae.counters["connections"] == 1
        ca.write_bytes(world.other.pem)
        ae.reload_tls()
        until(lambda: isinstance(ae.state.cause, errors.PeerNotTrustedError))
        ca.write_bytes(world.ca.pem)
        ae.reload_tls()
        ae.connect()
        assert ae.retrieve("cse-in/new").ok


def test_ws_7_1_raw_public_keys(face: Face, tmp_path: Path) -> None:
    ours, mine, unknown = RawKey(), RawKey(), RawKey()
    key = tmp_path / "in.key"
    key.write_bytes(ours.key)
    settings = TLS(raw_key=key, trust_keys=[mine.ni], peers={mine.ni: ["Craw"]})
    with face.registrar(listen="wss://127.0.0.1:0", tls=settings) as registrar:
        with face.connect(registrar.url, originator="Craw", tls=TLS(raw_key=mine.key, trust_keys=ours.ni)) as ae:
            assert ae.register_ae(app_id="Ntest", name="raw").entity == "Craw"
            assert ae.peer_identity == PeerIdentity("raw-public-key", ours.ni, (ours.ni,), None, None)
        with pytest.raises(errors.CredentialRefusedError):
            face.connect(registrar.url, tls=TLS(raw_key=unknown.key, trust_keys=ours.ni))
        with pytest.raises(errors.PeerNotTrustedError):
            face.connect(registrar.url, tls=TLS(raw_key=mine.key, trust_keys=unknown.ni))


def test_ws_7_1_places_with_settings_of_their_own(face: Face, world: World) -> None:
    """What a registrar makes of names: in each place by its own settings."""
    node = world.ca.issue("DNS:Node7.sp.example")
    behind = world.ca.issue("URI:m2m://onem2m-ws.example/id-in/Cplace")
    foreign = world.other.issue(f"URI:{PROVIDER}/id-in/Cplace")
    listen = [
        ("wss://127.0.0.1:0", world.tls(world.registrar, peers={"DNS:node7.sp.example": "Cplace"})),
        ("wss://127.0.0.1:0", world.tls(world.registrar, uri_schemes="m2m", unnamed="first-come")),
        ("wss://127.0.0.1:0", world.tls(world.registrar, anonymous_clients=True)),
        ("wss://127.0.0.1:0", world.tls(world.registrar, ca_for={world.other.pem: ["sp.example"]})),
        "ws://127.0.0.1:0",
    ]
    with face.registrar(listen=listen) as registrar:
        named, schemes, anonymous, provider, plain = registrar.points_of_access
        takes = [
            (named, world.tls(node)),
            (schemes, world.tls(behind)),
            (schemes, world.tls(node)),
            (anonymous, TLS(ca=world.ca.pem)),
            (plain, None),
        ]
        for place, tls in takes:
            with face.connect(place, originator="Cplace", tls=tls) as ae:
                assert (ae.peer_identity is None) == (tls is None)
        for place, tls in [(named, world.tls(behind)), (provider, world.tls(node)), (provider, world.tls(foreign))]:
            with pytest.raises(errors.CredentialRefusedError):
                face.connect(place, originator="Cplace", tls=tls)


def test_ws_7_1_a_gateway_and_its_registrar(face: Face, world: World, tmp_path: Path) -> None:
    ca = world.ca.save(tmp_path)
    gateway = world.ca.issue("DNS:id-mn.id-in.onem2m-ws.example")
    with secure(face, world) as above:
        upstream = onem2m_ws.Upstream(
            above.url, "/id-in", reopen_delay=0.05, reopen_delay_max=0.05, tls=world.tls(gateway, ca=ca)
        )
        with face.registrar(listen="ws://127.0.0.1:0", cse_id="/id-mn", cse_name="cse-mn", upstream=upstream) as below:
            until(lambda: below.upstream.is_registered)
            with face.connect(below.url, originator="Cbelow") as ae:
                ae.register_ae(app_id="Ntest", name="below")
                assert ae.retrieve("/id-in/cse-in").ok
            ca.write_bytes(world.other.pem)
            assert below.reload_tls() == 0
            until(lambda: isinstance(below.upstream.cause, errors.PeerNotTrustedError))
            assert not below.upstream.is_registered


def test_ws_7_1_keys_are_shown_nowhere(
    face: Face, world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    mine = world.ae("Cquiet")
    path = mine.save(tmp_path, "quiet")[0]
    foreign = world.other.issue("DNS:x.example")
    shown: list[str] = []
    tls = TLS(cert=path, key=mine.key, ca=[world.ca.pem, path], ca_for={mine.cert: "sp.example"}, crl=mine.key)
    assert repr(tls) == (
        f"TLS(cert={str(path)!r}, key=<PEM>, ca=[<PEM>, {str(path)!r}], crl=<PEM>, ca_for={{<PEM>: 'sp.example'}})"
    )
    with secure(face, world) as registrar:
        with face.connect(registrar.url, originator="Cquiet", tls=world.tls(mine)) as ae:
            ae.register_ae(app_id="Ntest", name="quiet")
            shown += [repr(ae), repr(ae.peer_identity), repr(ae.state)]
        wrong: list[dict[str, Any]] = [
            {"cert": foreign.cert, "key": foreign.key, "ca": world.ca.pem},
            {"cert": foreign.cert, "key": mine.key, "ca": world.ca.pem},
            {"cert": mine.key, "ca": world.ca.pem},
            {"cert": mine.cert, "key": mine.key[:-40] + b"\n", "ca": world.ca.pem},
            {"cert": mine.cert, "key": mine.key, "ca": mine.key},
            {"cert": mine.cert, "key": mine.key.decode(), "ca": world.ca.pem},
        ]
        for settings in wrong:
            with pytest.raises(errors.OneM2MError) as raised:
                face.connect(registrar.url, originator="Cquiet", tls=TLS(**settings))
            shown += [str(raised.value), repr(raised.value)]
        shown.append(repr(registrar))
    everything = "\n".join([*shown, caplog.text, *capfd.readouterr()])
    for secret in (mine.key, foreign.key, world.registrar.key):
        for line in secret.decode().splitlines()[1:-1]:
            assert line not in everything


class SSLContextOfOurOwn(ssl.SSLContext):
    pass


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (ssl.create_default_context(), "an ssl.SSLContext"),
        (SSLContextOfOurOwn(ssl.PROTOCOL_TLS_CLIENT), "an ssl.SSLContext"),
        (True, "not True: "),
        ({"ca": "ca.pem"}, "not a dict"),
        ("ca.pem", "of type str"),
        (TLS, "of type type"),
    ],
)
def test_what_is_no_tls_says_how_to_write_it(face: Face, given: Any, text: str) -> None:
    for wrong in (
        lambda: face.connect("wss://127.0.0.1:1", tls=given),
        lambda: face.registrar(listen="wss://127.0.0.1:0", tls=given),
        lambda: onem2m_ws.Upstream("wss://127.0.0.1:1", "/id-in", tls=given),
    ):
        with pytest.raises(TypeError, match=text) as raised:
            wrong()
        assert str(raised.value).endswith('TLS(cert="ae.pem", key="ae.key", ca="ca.pem")')


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"cert": 1}, TypeError, "cert"),
        ({"ca": ["ca.pem", 1]}, TypeError, "ca"),
        ({"crl": 1}, TypeError, "crl"),
        ({"ca": {"ca.pem": ""}}, TypeError, "ca"),
        ({"trust_keys": [b"ni:///"]}, TypeError, "trust_keys"),
        ({"peers": ["Cpump"]}, TypeError, "peers"),
        ({"peers": {"DNS:a": [1]}}, TypeError, "peers"),
        ({"ca_for": {1: "sp"}}, TypeError, "ca_for"),
        ({"server_name": b"in"}, TypeError, "server_name"),
        ({"min_version": 1.2}, TypeError, "min_version"),
        ({"trust_system": 1}, TypeError, "trust_system"),
        ({"anonymous_clients": None}, TypeError, "anonymous_clients"),
        ({"psk": b"hunter2"}, TypeError, "psk"),
        ({"psk": {"a@b": "hunter2"}}, TypeError, "bytes"),
        ({"library": "gnutls"}, errors.ArgumentError, "openssl"),
        ({"key": "-----BEGIN PRIVATE KEY-----hunter2"}, errors.ArgumentError, "as bytes"),
        ({"min_version": "1.1", "ca": "ca.pem"}, errors.ArgumentError, '"1.2"'),
        ({"min_version": "1.3", "max_version": "1.2"}, errors.ArgumentError, "newer"),
        ({"unnamed": "take"}, errors.ArgumentError, "first-come"),
        ({"key": "ae.key"}, errors.ArgumentError, "raw_key"),
        ({"cert": "ae.pem", "raw_key": "ae.key"}, errors.ArgumentError, "not both"),
        ({"ca": "no such.pem"}, errors.ArgumentError, r"no such\.pem"),
        ({"ca": b""}, errors.ArgumentError, "certificate"),
        ({"trust_keys": "ni:///md5;x"}, errors.ArgumentError, "ni:///md5"),
        ({"server_name": "a b", "trust_keys": RawKey().ni}, errors.ArgumentError, "a b"),
        ({"anonymous_clients": True}, errors.ArgumentError, "anonymous_clients is for servers"),
        ({}, errors.ArgumentError, "trust"),
    ],
)
def test_what_is_no_setting_of_tls(face: Face, settings: dict[str, Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text) as raised:
        face.connect("wss://127.0.0.1:1", tls=TLS(**settings))
    assert "hunter2" not in str(raised.value)


HAS_OPENSSL = "openssl" in _native.features()


def test_ws_7_1_pre_shared_keys(face: Face, tmp_path: Path) -> None:
    key, name = os.urandom(32), "7f3a@mef.sp.example"
    tls = TLS(psk={name: key}, min_version="1.2")
    assert repr(tls) == f"TLS(psk={{{name!r}: <key>}})"
    if not HAS_OPENSSL:
        with pytest.raises(errors.ArgumentError, match="openssl"):
            face.connect("wss://127.0.0.1:1", tls=tls)
        return
    keys = tmp_path / "keys"
    keys.write_text(f"# of the pump\n{name}:{key.hex()}\n")
    with face.registrar(listen="wss://127.0.0.1:0", tls=TLS(psk_file=keys)) as registrar:
        with face.connect(registrar.url, originator="Cpump", tls=tls) as ae:
            ae.register_ae(app_id="Ntest", name="pump")
            assert registrar.identity_of("Cpump").framework == "pre-shared-key"
            assert ae.peer_identity.names == (f"PSK:{name}",)
            keys.write_text(f"other@mef.sp.example:{key.hex()}\n")
            assert registrar.reload_tls() == 1
        with pytest.raises(errors.TlsError):
            face.connect(registrar.url, originator="Cpump", tls=tls)


def test_settings_of_tls_are_a_value() -> None:
    names = ["Cpump"]
    tls = TLS(cert="ae.pem", key="ae.key", ca=(path for path in ["ca.pem"]), peers={"DNS:a": names})
    names.append("Cvalve")
    assert tls == TLS("ae.pem", "ae.key", "ca.pem", peers={"DNS:a": "Cpump"})
    assert repr(tls) == "TLS(cert='ae.pem', key='ae.key', ca='ca.pem', peers={'DNS:a': 'Cpump'})"
    assert pickle.loads(pickle.dumps(tls)) == tls
    with pytest.raises(AttributeError):
        tls.cert = "other.pem"  # type: ignore[misc]
