"""What the library writes as XML is valid by the derived schema, for two validators that others wrote.

Covers: TS-0004 8.3.1 (order of elements, types of their text), row WS-6.2.2.9-1.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

import onem2m_ws

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Path(__file__).resolve().parent / "onem2m-derived.xsd"
VECTORS = ROOT / "core" / "tests" / "vectors"

with (VECTORS / "index.csv").open(encoding="utf-8", newline="") as index:
    # Null is an empty element, which no schema of a number allows.
    INVALID = {row["vector"] for row in csv.DictReader(index) if "invalid" in row.values()}


@pytest.fixture(scope="module")
def judges() -> tuple[etree.XMLSchema, xmlschema.XMLSchema]:
    return etree.XMLSchema(etree.parse(str(SCHEMA))), xmlschema.XMLSchema(str(SCHEMA))


def canonical(document: bytes) -> bytes:
    """The document without indentation, in the one form that its tree has."""
    tree = etree.fromstring(document)
    for element in tree.iter():
        if len(element):
            element.text = None
            for child in element:
                child.tail = None
    return bytes(etree.tostring(tree, method="c14n"))


@pytest.mark.parametrize("vector", sorted(path.stem for path in VECTORS.glob("*.json")))
def test_ws_6_2_2_9_1_vectors_are_written_as_valid_xml(
    vector: str, judges: tuple[etree.XMLSchema, xmlschema.XMLSchema]
) -> None:
    by_lxml, by_xmlschema = judges
    ours = onem2m_ws.convert((VECTORS / f"{vector}.json").read_bytes(), "json", "xml")
    assert canonical(ours) == canonical((VECTORS / f"{vector}.xml").read_bytes())
    valid = vector not in INVALID
    assert by_lxml.validate(etree.fromstring(ours)) == valid, by_lxml.error_log
    assert by_xmlschema.is_valid(ours.decode()) == valid


def test_members_in_any_order_are_written_in_the_order_of_the_schema(
    judges: tuple[etree.XMLSchema, xmlschema.XMLSchema],
) -> None:
    for path in VECTORS.glob("*.json"):
        if path.stem in INVALID:
            continue
        backwards = json.loads(path.read_bytes(), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
        document = etree.fromstring(onem2m_ws.convert(json.dumps(backwards), "json", "xml"))
        assert judges[0].validate(document), (path.stem, judges[0].error_log)


def test_indenting_changes_nothing() -> None:
    for path in VECTORS.glob("*.json"):
        plain = onem2m_ws.convert(path.read_bytes(), "json", "xml")
        pretty = onem2m_ws.convert(path.read_bytes(), "json", "xml", pretty=True)
        assert pretty.count(b"\n") > 3 and canonical(pretty) == canonical(plain)
        assert onem2m_ws.convert(pretty, "xml", "json") == onem2m_ws.convert(plain, "xml", "json")
