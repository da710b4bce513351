"""The surface of the package: names, errors, numbers of the standard, and that both faces are the same."""

from __future__ import annotations

import asyncio
import builtins
import dataclasses
import doctest
import importlib
import importlib.metadata
import inspect
import pickle
import pkgutil
from types import ModuleType
from typing import Any

import pytest

import onem2m_ws
from onem2m_ws import _native, enums, errors, sync


def test_everything_public_is_there() -> None:
    for name in onem2m_ws.__all__:
        assert getattr(onem2m_ws, name) is not None
    public = {name for name, value in vars(onem2m_ws).items() if not name.startswith("_")}
    modules = {name for name in public if isinstance(getattr(onem2m_ws, name), ModuleType)}
    assert public - modules - {"annotations"} == set(onem2m_ws.__all__) - {"__version__"}
    assert onem2m_ws.__version__ == importlib.metadata.version("onem2m-ws")


def test_every_kind_of_error_has_its_class() -> None:
    names = _native.error_classes()
    assert len(names) == len(set(names)) > 20
    for name in names:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.OneM2MError)
        assert kind.__doc__
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value) and not name.startswith("_")}
    ours = {name for name in classes if issubclass(getattr(errors, name), errors.OneM2MError)}
    # What the library does not raise: the root, and the group for what `raise_for_status` raises and is a base.
    assert ours - set(names) == {"OneM2MError", "ResponseError"}


def test_every_error_is_in_the_tree_of_the_documentation() -> None:
    for name in _native.error_classes():
        assert name in (errors.__doc__ or ""), name


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ArgumentError", ValueError),
        ("DuplicateRequestIdError", ValueError),
        ("StateError", RuntimeError),
        ("ForkError", RuntimeError),
        ("RequestTimeoutError", TimeoutError),
        ("RequestTimeoutError", asyncio.TimeoutError),
        ("OpenTimeoutError", TimeoutError),
        ("OpenTimeoutError", asyncio.TimeoutError),
        ("OpenTimeoutError", OSError),
        ("UnknownHostError", OSError),
        ("NetworkError", OSError),
        ("NotConnectedError", ConnectionError),
        ("ConnectionRefusedError", builtins.ConnectionRefusedError),
        ("ConnectionLostError", ConnectionError),
        ("HandshakeRefusedError", ConnectionError),
        ("NotWebSocketError", ConnectionError),
        ("ProxyRefusedError", ConnectionError),
        ("ProxyAuthenticationError", errors.ProxyRefusedError),
        ("NotProxyError", ConnectionError),
        ("SubprotocolError", ConnectionError),
        ("TlsError", ConnectionError),
        ("PeerNotTrustedError", errors.TlsError),
        ("CredentialRefusedError", errors.TlsError),
        ("DecodeError", ValueError),
        ("RegistrationRefusedError", errors.ResponseError),
    ],
)
def test_errors_are_what_python_programs_catch(name: str, base: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), base)


def test_the_text_of_an_error_is_the_text() -> None:
    assert str(errors._from_native("ConnectionRefusedError", "nobody there", None, None)) == "nobody there"
    unknown = errors._from_native("SomethingNewError", "text", None, None)
    assert type(unknown) is errors.InternalError


@pytest.mark.parametrize(
    "table", ["StatusCode", "ResourceType", "ResultContent", "NotificationEventType", "NotificationContentType"]
)
def test_numbers_of_the_standard_are_those_of_the_library(table: str) -> None:
    members = {int(member) for member in getattr(enums, table)}
    assert members == {value for value in range(65536) if _native.name_in_table(table, value) is not None}


def test_compression_has_the_defaults_of_the_library() -> None:
    assert dataclasses.astuple(onem2m_ws.Compression()) == _native.default_compression()
    with pytest.raises(dataclasses.FrozenInstanceError):
        onem2m_ws.Compression().level = 9  # type: ignore[misc]


def test_the_outbox_has_the_defaults_of_the_library() -> None:
    assert dataclasses.astuple(onem2m_ws.Outbox()) == _native.default_outbox()
    with pytest.raises(dataclasses.FrozenInstanceError):
        onem2m_ws.Outbox().window = 2  # type: ignore[misc]


def test_numbers_that_are_not_in_the_table_are_kept() -> None:
    unknown = onem2m_ws.StatusCode(4999)
    assert unknown == 4999 and not unknown.is_success
    assert pickle.loads(pickle.dumps(unknown)) == 4999
    with pytest.raises(ValueError):
        onem2m_ws.StatusCode(-1)
    with pytest.raises(ValueError):
        onem2m_ws.StatusCode("2000")  # type: ignore[arg-type]


def signature(function: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults of the parameters; what a callback is differs between the faces."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", ["Client", "IncomingRequest", "Notification", "Registrar", "Subscription"])
def test_both_faces_have_the_same_names_and_arguments(name: str) -> None:
    asynchronous, blocking = getattr(onem2m_ws, name), getattr(sync, name)
    public = {attribute for attribute in dir(asynchronous) if not attribute.startswith("_")}
    assert public == {attribute for attribute in dir(blocking) if not attribute.startswith("_")}
    assert public
    for attribute in public:
        one, other = getattr(asynchronous, attribute), getattr(blocking, attribute)
        assert one.__doc__ and other.__doc__, attribute
        if callable(one):
            assert signature(one) == signature(other), attribute
            assert not inspect.iscoroutinefunction(other)


def test_both_faces_connect_with_the_same_arguments() -> None:
    assert signature(onem2m_ws.connect) == signature(sync.connect)
    kinds = {parameter.kind for parameter in list(inspect.signature(sync.connect).parameters.values())[1:]}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    for name in list(inspect.signature(sync.connect).parameters)[1:]:
        assert name in (sync.connect.__doc__ or ""), f"{name} is not documented"
    assert signature(onem2m_ws.Registrar) == signature(sync.Registrar)
    for name in inspect.signature(sync.Registrar).parameters:
        assert name in (sync.Registrar.__doc__ or "") and name in (onem2m_ws.Registrar.__doc__ or ""), name


MODULES = [
    module.name for module in pkgutil.iter_modules(onem2m_ws.__path__) if module.name not in ("_native", "__main__")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"onem2m_ws.{module}"))
    assert result.failed == 0


def test_there_are_examples_in_docstrings() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(f"onem2m_ws.{module}") for module in MODULES]
    assert sum(len(test.examples) for module in modules for test in finder.find(module)) >= 5
