"""The formats of primitives, conversion between them, and what XML has to be told about resources of one's own."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from . import _native
from .errors import ArgumentError


class Format(str, enum.Enum):
    """How primitives are written on a connection (TS-0004 clause 8). Content is a dictionary whatever it is.

    A format may be given by its name wherever one is wanted:

    >>> Format("cbor") is Format.CBOR, Format.CBOR == "cbor", str(Format.CBOR)
    (True, True, 'cbor')
    """

    JSON = "json"
    XML = "xml"
    CBOR = "cbor"

    def __str__(self) -> str:
        return str(self.value)


def convert(
    data: bytes | bytearray | memoryview | str, from_: Format | str, to: Format | str, *, pretty: bool = False
) -> bytes:
    """Reads one whole primitive and writes it in another format, or in the correct form of the same one.

    Args:
        data: the primitive, the whole of it.
        from_: the format that it has.
        to: the format that is wanted.
        pretty: breaks JSON and XML into lines, for people to read. CBOR stays as it is.

    >>> convert('{"rsc":2000,"rqi":"1","rvi":"3"}', "json", "cbor").hex()
    'a3637273631907d0637271696131637276696133'

    Raises:
        DecodeError: the data is not a primitive of its format.
        EncodeError: it holds something that the other format cannot carry, as XML a list item with a blank.
        ArgumentError: there is no such format.
        The text names the place and the reason. Nothing is changed to fit.
    """
    if isinstance(data, str):
        try:
            data = data.encode()
        except UnicodeEncodeError as error:
            raise ArgumentError(f"data: {error}") from error
    elif not isinstance(data, (bytes, bytearray, memoryview)):
        raise ArgumentError(f"data is bytes or text, not of type {type(data).__name__}")
    return _native.convert(bytes(data), _format_name("from_", from_), _format_name("to", to), pretty)


def register_namespace(prefix: str, uri: str) -> None:
    """Makes `prefix` stand for the namespace `uri` in XML, in this whole process.

    JSON and CBOR know prefixes only, as in `acme:thermo`. The namespaces of oneM2M and its domains are known already.
    May be called on any thread and at any time, best before the first client; it cannot be undone, and the same again
    does nothing.

    Raises `ArgumentError` if one of them is malformed, or belongs to another already.
    """
    _native.register_namespace(_text("prefix", prefix), _text("uri", uri))


def register_flex_container(root: str, attributes: Mapping[str, str]) -> None:
    """Describes a flexContainer of your own, in this whole process: XML cannot tell a number from a text otherwise.

    Args:
        root: the name of its member, as `acme:thermo`; its prefix is known, or registered before.
        attributes: its custom attributes, in the order in which they stand in XML, and their types: `string`,
            `integer`, `number`, `boolean`, `timestamp`, `uri`, `string_list`, `integer_list`, `number_list`,
            `boolean_list` or `any`. The attributes that every flexContainer has are known.

    May be called on any thread and at any time, best before the first client; it cannot be undone, and the same again
    does nothing.

    >>> register_namespace("acme", "http://acme.example/iot")
    >>> register_flex_container("acme:thermo", {"temp": "number", "unit": "string"})

    Raises `ArgumentError` if a name or type is malformed, belongs to the standard, or is registered otherwise already.
    """
    if not isinstance(attributes, Mapping):
        raise ArgumentError(f"attributes is a dictionary from names to types, not of type {type(attributes).__name__}")
    pairs = [(_text("attributes", name), _text(f"attributes: {name}", kind)) for name, kind in attributes.items()]
    _native.register_flex_container(_text("root", root), pairs)


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"{what} is text, not {value!r}")
    return value


def _format_name(what: str, value: object) -> str:
    """The name of a format, which the library looks up."""
    if not isinstance(value, str):
        raise ArgumentError(f"{what} is a Format or its name, not {value!r}")
    return value


def _format_names(formats: Format | str | Iterable[Format | str] | None) -> list[str] | None:
    if formats is None:
        return None
    return [_format_name("formats", value) for value in ([formats] if isinstance(formats, str) else formats)]
