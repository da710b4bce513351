//! Where XML and the JSON data model differ: one test for each, named by its row in the list of points where implementers differ.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use onem2m_ws::codec::{
    self, AttributeType, DecodeOptions, Deviation, Deviations, EncodeError, Primitive, register_flex_container,
    register_namespace,
};
use onem2m_ws::primitive::{Content, Format, Operation, Request, Response, ResponseTypeInfo, StatusCode};
use serde_json::{Value, json};

const M2M: &str = "http://www.onem2m.org/xml/protocols";

fn request_document(inside: &str) -> String {
    format!(r#"<m2m:rqp xmlns:m2m="{M2M}"><op>1</op><to>a</to><fr>C</fr><rqi>r</rqi>{inside}<rvi>3</rvi></m2m:rqp>"#)
}

fn response_document(inside: &str) -> String {
    format!(r#"<m2m:rsp xmlns:m2m="{M2M}"><rsc>2000</rsc><rqi>r</rqi>{inside}<rvi>3</rvi></m2m:rsp>"#)
}

fn request(document: &str, deviations: &[Deviation]) -> Request {
    let decoded = codec::decode(Format::Xml, Bytes::copy_from_slice(document.as_bytes()), &DecodeOptions::default());
    let decoded = decoded.unwrap_or_else(|error| panic!("{document}: {error}"));
    assert_eq!(decoded.deviations, deviations.iter().copied().collect::<Deviations>(), "{document}");
    let strict = DecodeOptions { strict: true, ..DecodeOptions::default() };
    assert_eq!(codec::decode_text(Format::Xml, document, &strict).is_ok(), deviations.is_empty(), "{document}");
    match decoded.primitive {
        Primitive::Request(request) => *request,
        Primitive::Response(response) => panic!("{response:?}"),
    }
}

/// What is read from `pc` of a request.
fn in_request(pc: &str) -> Value {
    request(&request_document(&format!("<pc>{pc}</pc>")), &[]).content.unwrap().value().unwrap()
}

/// What is read from `pc` of a response.
fn in_response(pc: &str) -> Value {
    let document = response_document(&format!("<pc>{pc}</pc>"));
    match codec::decode_text(Format::Xml, &document, &DecodeOptions::default()).unwrap().primitive {
        Primitive::Response(response) => response.content.unwrap().value().unwrap(),
        Primitive::Request(request) => panic!("{request:?}"),
    }
}

/// What stands in `pc` of a request with this content.
fn written(content: Value) -> Result<String, EncodeError> {
    let request = Request::update("a", content).request_id("r");
    let mut out = BytesMut::new();
    codec::encode_request(Format::Xml, &request, &mut out)?;
    Ok(inside_pc(&out))
}

/// What stands in `pc` of a response with this content.
fn answered(content: Value) -> Result<String, EncodeError> {
    let response = Response::ok().content(content).request_id("r");
    let mut out = BytesMut::new();
    codec::encode_response(Format::Xml, &response, &mut out)?;
    Ok(inside_pc(&out))
}

fn inside_pc(document: &[u8]) -> String {
    let document = std::str::from_utf8(document).unwrap();
    let (_, rest) = document.split_once("<pc>").unwrap();
    rest.rsplit_once("</pc>").unwrap().0.to_owned()
}

/// Both directions.
fn carried(content: Value, xml: &str) {
    assert_eq!(written(content.clone()).unwrap(), xml);
    assert_eq!(in_request(xml), content, "{xml}");
}

fn carried_in_response(content: Value, xml: &str) {
    assert_eq!(answered(content.clone()).unwrap(), xml);
    assert_eq!(in_response(xml), content, "{xml}");
}

/// Not in either kind of primitive, and where.
fn not_carried(content: Value, place: &str) {
    for result in [written(content.clone()), answered(content.clone())] {
        assert_place(result, place, &content);
    }
}

fn assert_place(result: Result<String, EncodeError>, place: &str, content: &Value) {
    match result {
        Err(EncodeError::NotCarried { place: found, .. }) => assert_eq!(found, place, "{content}"),
        other => panic!("{content}: {other:?}"),
    }
}

#[test]
fn row_1_an_empty_element_is_null_in_a_request() {
    carried(
        json!({"m2m:cnt": {"lbl": null, "mni": null, "cr": null, "disr": null}}),
        "<m2m:cnt><lbl/><cr/><mni/><disr/></m2m:cnt>",
    );
    assert_eq!(in_request("<m2m:grp><mnm></mnm></m2m:grp>"), json!({"m2m:grp": {"mnm": null}}));
    assert_eq!(in_request("<m2m:cin><con/></m2m:cin>"), json!({"m2m:cin": {"con": null}}));
    for (content, place) in [
        (json!({"m2m:cnt": {"cr": ""}}), "pc/m2m:cnt/cr"),
        (json!({"m2m:cin": {"con": ""}}), "pc/m2m:cin/con"),
        (json!({"m2m:cnt": {"lbl": []}}), "pc/m2m:cnt/lbl"),
        (json!({"m2m:sub": {"enc": {}}}), "pc/m2m:sub/enc"),
        (json!({"m2m:uri": ""}), "pc/m2m:uri"),
    ] {
        assert_place(written(content.clone()), place, &content);
    }
}

#[test]
fn row_1_an_empty_element_of_a_text_is_an_empty_text_in_a_response() {
    carried_in_response(
        json!({"m2m:cb": {"pi": "", "lbl": null, "csi": "/c"}}),
        "<m2m:cb><pi/><lbl/><csi>/c</csi></m2m:cb>",
    );
    carried_in_response(json!({"m2m:cin": {"con": ""}}), "<m2m:cin><con/></m2m:cin>");
    carried_in_response(json!({"m2m:dbg": ""}), "<m2m:dbg/>");
    for (content, place) in [
        (json!({"m2m:cnt": {"cr": null}}), "pc/m2m:cnt/cr"),
        (json!({"m2m:cin": {"con": null}}), "pc/m2m:cin/con"),
        (json!({"m2m:cnt": {"lbl": []}}), "pc/m2m:cnt/lbl"),
    ] {
        assert_place(answered(content.clone()), place, &content);
    }
}

#[test]
fn row_1_inside_of_a_primitive_its_own_rule_holds() {
    // A request in a response, as a polling channel answers.
    carried_in_response(
        json!({"m2m:rqp": {"op": 3, "pc": {"m2m:cnt": {"cr": null}}}}),
        "<m2m:rqp><op>3</op><pc><m2m:cnt><cr/></m2m:cnt></pc></m2m:rqp>",
    );
    // A response in a request, as a late result comes.
    carried(
        json!({"m2m:rsp": {"rsc": 2000, "pc": {"m2m:cb": {"pi": ""}}}}),
        "<m2m:rsp><rsc>2000</rsc><pc><m2m:cb><pi/></m2m:cb></pc></m2m:rsp>",
    );
}

#[test]
fn row_1_lists_that_may_be_empty() {
    carried(json!({"m2m:uril": []}), "<m2m:uril/>");
    carried_in_response(json!({"m2m:uril": []}), "<m2m:uril/>");
    not_carried(json!({"m2m:uril": null}), "pc/m2m:uril");
    let document = request_document("<rt><rtv>2</rtv><nu/></rt>");
    let rt = request(&document, &[]).response_type.unwrap();
    assert_eq!(rt, ResponseTypeInfo { value: 2.into(), notification_uris: Some(Vec::new()) });
    let mut out = BytesMut::new();
    codec::encode_request(Format::Xml, &request(&document, &[]), &mut out).unwrap();
    assert!(std::str::from_utf8(&out).unwrap().contains("<rt><rtv>2</rtv><nu/></rt>"));
}

#[test]
fn row_1_roots_are_there_even_if_empty() {
    carried(json!({"m2m:cnt": {}}), "<m2m:cnt/>");
    carried_in_response(json!({"m2m:ae": {"m2m:cnt": [{}]}}), "<m2m:ae><m2m:cnt/></m2m:ae>");
    not_carried(json!({"m2m:cnt": null}), "pc/m2m:cnt");
}

#[test]
fn row_1_empty_parameters_are_absent() {
    let got = request(&request_document("<ot/><gid></gid><rids/><da/><fc/><rcn> </rcn>"), &[Deviation::NullParameter]);
    assert_eq!((got.originating_timestamp, got.result_content, got.filter_criteria), (None, None, None));
    assert!(got.additional.is_none());
    let mut request = Request::retrieve("a").request_id("r").from("");
    let mut out = BytesMut::new();
    let refused = codec::encode_request(Format::Xml, &request, &mut out).unwrap_err();
    assert_eq!(refused, EncodeError::NotCarried { place: "fr".into(), reason: "an empty text" });
    assert!(out.is_empty());
    request.from = None;
    assert!(codec::encode_request(Format::Xml, &request, &mut out).is_ok());
    let response = Response { from: Some(String::new()), ..Response::ok().request_id("r") };
    out.clear();
    codec::encode_response(Format::Xml, &response, &mut out).unwrap();
    let back = codec::decode(Format::Xml, out.freeze(), &DecodeOptions::default()).unwrap().primitive;
    assert_eq!(back, Primitive::Response(response));
}

#[test]
fn row_2_what_a_name_means_depends_on_its_place() {
    carried(json!({"m2m:cin": {"ty": 4}}), "<m2m:cin><ty>4</ty></m2m:cin>");
    carried(
        json!({"m2m:sub": {"enc": {"om": [{"ops": 5}], "atr": ["a", "b"], "net": [1]}}}),
        "<m2m:sub><enc><om><ops>5</ops></om><atr>a b</atr><net>1</net></enc></m2m:sub>",
    );
    carried(
        json!({"m2m:sgn": {"nev": {"om": {"op": 1}, "net": 3}}}),
        "<m2m:sgn><nev><om><op>1</op></om><net>3</net></nev></m2m:sgn>",
    );
    let document = request_document("<fc><ty>3 4</ty><atr><nm>a</nm><val>b</val></atr></fc>");
    let criteria = request(&document, &[]).filter_criteria.unwrap();
    assert_eq!(criteria.value().unwrap(), json!({"ty": [3, 4], "atr": [{"nm": "a", "val": "b"}]}));
}

#[test]
fn row_3_content_of_any_type_is_text() {
    carried(json!({"m2m:cin": {"con": " {\"t\": 1} "}}), "<m2m:cin><con> {\"t\": 1} </con></m2m:cin>");
    for con in [json!(21.5), json!(7), json!(true), json!([]), json!(["a", "b"]), json!({}), json!({"a": 1})] {
        let place = if con == json!({"a": 1}) { "pc/m2m:cin/con/a" } else { "pc/m2m:cin/con" };
        not_carried(json!({"m2m:cin": {"con": con}}), place);
    }
    // What is all text is carried, because it comes back as it was.
    carried(
        json!({"m2m:cin": {"con": {"a": "x", "b": {"c": "y"}}}}),
        "<m2m:cin><con><a>x</a><b><c>y</c></b></con></m2m:cin>",
    );
}

#[test]
fn row_4_characters_that_xml_does_not_have_are_refused() {
    for c in ['\0', '\u{8}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        not_carried(json!({"m2m:cin": {"con": format!("a{c}")}}), "pc/m2m:cin/con");
    }
    carried(
        json!({"m2m:cin": {"con": "\r\n\t\u{7f}\u{85}\u{fffd}"}}),
        "<m2m:cin><con>&#13;\n\t\u{7f}\u{85}\u{fffd}</con></m2m:cin>",
    );
    assert_eq!(in_request("<m2m:cin><con>a\r\nb\rc&#13;</con></m2m:cin>"), json!({"m2m:cin": {"con": "a\nb\nc\r"}}));
    // Attributes have their own white space.
    carried(json!({"m2m:ae": {"rn": "a\t\"\r\n<&>'"}}), "<m2m:ae rn=\"a&#9;&quot;&#13;&#10;&lt;&amp;&gt;'\"/>");
    assert_eq!(in_request("<m2m:ae rn='a\tb\r\nc'/>"), json!({"m2m:ae": {"rn": "a b c"}}));
}

#[test]
fn row_4_white_space_of_tokens_does_not_count() {
    assert_eq!(in_request("<m2m:cnt><or>\n urn:a  b\t</or></m2m:cnt>"), json!({"m2m:cnt": {"or": "urn:a b"}}));
    let got = request(&request_document("<ot>\n 20240501T120000 </ot><gid> g </gid>"), &[]);
    assert_eq!(got.originating_timestamp.as_deref(), Some("20240501T120000"));
    assert_eq!(got.additional.unwrap().group_request_id.as_deref(), Some(" g "));
    not_carried(json!({"m2m:cnt": {"cr": " C"}}), "pc/m2m:cnt/cr");
    let mut out = BytesMut::new();
    let refused = codec::encode_request(Format::Xml, &Request::retrieve("a  b").request_id("r"), &mut out);
    assert!(matches!(refused, Err(EncodeError::NotCarried { place, .. }) if place == "to"));
}

#[test]
fn row_5_list_items_with_blanks_are_refused_not_split() {
    carried(json!({"m2m:cnt": {"lbl": ["a", "b"]}}), "<m2m:cnt><lbl>a b</lbl></m2m:cnt>");
    assert_eq!(in_request("<m2m:cnt><lbl>\n a\t\nb </lbl></m2m:cnt>"), json!({"m2m:cnt": {"lbl": ["a", "b"]}}));
    for item in ["a b", "", "a\n", "\t", "a\rb"] {
        not_carried(json!({"m2m:cnt": {"lbl": ["x", item]}}), "pc/m2m:cnt/lbl");
    }
    let mut request = Request::retrieve("a").request_id("r");
    request.additional_mut().tokens = Some(vec!["a b".into()]);
    let refused = codec::encode_request(Format::Xml, &request, &mut BytesMut::new()).unwrap_err();
    assert!(matches!(refused, EncodeError::NotCarried { place, .. } if place == "tkns"));
    request.additional_mut().tokens = Some(Vec::new());
    assert!(codec::encode_request(Format::Xml, &request, &mut BytesMut::new()).is_err());
}

#[test]
fn row_6_names_are_matched_by_namespace() {
    let expected = json!({"m2m:cin": {"rn": "x", "con": "1", "lbl": ["a"]}});
    let body = "<op>1</op><to>a</to><fr>C</fr><rqi>r</rqi><rvi>3</rvi>";
    let cin = "<rn>x</rn><lbl>a</lbl><con>1</con>";
    for (document, deviations) in [
        (format!(r#"<m2m:rqp xmlns:m2m="{M2M}">{body}<pc><m2m:cin>{cin}</m2m:cin></pc></m2m:rqp>"#), vec![]),
        // Another prefix is as good.
        (format!(r#"<p:rqp xmlns:p="{M2M}">{body}<pc><p:cin>{cin}</p:cin></pc></p:rqp>"#), vec![]),
        (
            format!(r#"<m2m:rqp xmlns:m2m="{M2M}">{body}<pc><q:cin xmlns:q="{M2M}">{cin}</q:cin></pc></m2m:rqp>"#),
            vec![],
        ),
        (
            format!(r#"<m2m:rqp xmlns:m2m="{M2M}">{body}<pc xmlns:q="{M2M}"><q:cin>{cin}</q:cin></pc></m2m:rqp>"#),
            vec![],
        ),
        // So are further namespaces.
        (
            format!(
                r#"<m2m:rqp xmlns:m2m="{M2M}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">{body}<pc><m2m:cin xsi:type="m2m:cin">{cin}</m2m:cin></pc></m2m:rqp>"#
            ),
            vec![],
        ),
        // A child without its prefix.
        (
            format!(r#"<m2m:rqp xmlns:m2m="{M2M}">{body}<pc><cin>{cin}</cin></pc></m2m:rqp>"#),
            vec![Deviation::NoNamespace],
        ),
        // No namespace at all.
        (format!("<rqp>{body}<pc><cin>{cin}</cin></pc></rqp>"), vec![Deviation::NoNamespace]),
        // All in a default namespace.
        (format!(r#"<rqp xmlns="{M2M}">{body}<pc><cin>{cin}</cin></pc></rqp>"#), vec![Deviation::DefaultNamespace]),
        (
            format!(r#"<m2m:rqp xmlns:m2m="{M2M}">{body}<pc><cin xmlns="{M2M}">{cin}</cin></pc></m2m:rqp>"#),
            vec![Deviation::DefaultNamespace],
        ),
        (
            format!(r#"<m2m:rqp xmlns:m2m="{M2M}">{body}<m2m:pc><m2m:cin>{cin}</m2m:cin></m2m:pc></m2m:rqp>"#),
            vec![Deviation::PrefixedMember],
        ),
    ] {
        let got = request(&document, &deviations);
        assert_eq!(got.content.as_ref().unwrap().value().unwrap(), expected, "{document}");
        // What is not correct is not handed on.
        let mut out = BytesMut::new();
        codec::encode_request(Format::Xml, &got, &mut out).unwrap();
        let strict = DecodeOptions { strict: true, ..DecodeOptions::default() };
        let again = codec::decode(Format::Xml, out.freeze(), &strict).unwrap().primitive;
        let Primitive::Request(again) = again else { panic!("{again:?}") };
        assert_eq!(again.content.unwrap().value().unwrap(), expected, "{document}");
    }
}

#[test]
fn row_6_the_content_of_a_usual_document_is_a_slice_of_it() {
    let document = Bytes::from(request_document("<pc><m2m:cin><con>1</con></m2m:cin></pc>"));
    let decoded = codec::decode(Format::Xml, document.clone(), &DecodeOptions::default()).unwrap();
    let Primitive::Request(request) = decoded.primitive else { panic!() };
    let content = request.content.unwrap();
    assert_eq!(content.format(), Format::Xml);
    assert_eq!(content.bytes(), &document.slice_ref(content.bytes()));
    assert!(document.as_ptr_range().contains(&content.bytes().as_ptr()));
}

#[test]
fn row_6_a_name_as_an_element_is_understood_and_never_written() {
    assert_eq!(in_request("<m2m:ae><rn>x</rn></m2m:ae>"), json!({"m2m:ae": {"rn": "x"}}));
    assert_eq!(written(json!({"m2m:ae": {"rn": "x"}})).unwrap(), r#"<m2m:ae rn="x"/>"#);
    assert_eq!(
        in_response("<m2m:rrl><rrf><nm>a</nm><typ>3</typ><val>u</val></rrf></m2m:rrl>"),
        in_response(r#"<m2m:rrl><rrf nm="a" typ="3">u</rrf></m2m:rrl>"#),
    );
}

#[test]
fn row_6_an_attribute_list_without_its_prefix() {
    let got = request(&request_document("<pc><atrl>ri lbl rr</atrl></pc>"), &[Deviation::NoNamespace]);
    assert_eq!(got.content.unwrap().value().unwrap(), json!({"m2m:atrl": ["ri", "lbl", "rr"]}));
}

#[test]
fn row_7_lists_as_repeated_elements() {
    let expected = json!({"m2m:cnt": {"acpi": ["a", "b", "c"]}});
    assert_eq!(in_request("<m2m:cnt><acpi>a</acpi><acpi>b c</acpi></m2m:cnt>"), expected);
    let got = request(&request_document("<rids>a b</rids><rids>c</rids>"), &[Deviation::RepeatedForList]);
    assert_eq!(got.additional.unwrap().role_ids.unwrap(), ["a", "b", "c"]);
}

#[test]
fn row_9_members_of_responses() {
    carried_in_response(
        json!({"m2m:agr": {"m2m:rsp": [{"rsc": 2000, "rqi": "1"}]}}),
        "<m2m:agr><m2m:rsp><rsc>2000</rsc><rqi>1</rqi></m2m:rsp></m2m:agr>",
    );
    // ACME leaves out the prefix in there.
    let prefixed = json!({"m2m:rce": {"m2m:cnt": {"ri": "c"}, "uri": "a/c"}});
    carried_in_response(prefixed.clone(), "<m2m:rce><m2m:cnt><ri>c</ri></m2m:cnt><uri>a/c</uri></m2m:rce>");
    let bare = answered(json!({"m2m:rce": {"cnt": {"ri": "c"}, "uri": "a/c"}})).unwrap();
    assert_eq!(in_response(&bare), prefixed);
    assert_eq!(written(json!({"cin": {"con": "1"}})).unwrap(), "<m2m:cin><con>1</con></m2m:cin>");
}

#[test]
fn row_11_one_element_is_an_array() {
    carried(
        json!({"m2m:acp": {"pv": {"acr": [{"acor": ["all"], "acop": 63}]}}}),
        "<m2m:acp><pv><acr><acor>all</acor><acop>63</acop></acr></pv></m2m:acp>",
    );
    carried(json!({"m2m:acp": {"pv": {"acr": null}}}), "<m2m:acp><pv><acr/></pv></m2m:acp>");
    not_carried(json!({"m2m:acp": {"pv": {"acr": []}}}), "pc/m2m:acp/pv/acr");
    not_carried(json!({"m2m:acp": {"pv": {"acr": [null]}}}), "pc/m2m:acp/pv/acr");
    not_carried(json!({"m2m:acp": {"pv": {"acr": {"acop": 63}}}}), "pc/m2m:acp/pv/acr");
}

#[test]
fn row_12_numbers_and_booleans() {
    assert_eq!(
        in_request("<m2m:cnt><mni> +007 </mni><disr>1</disr></m2m:cnt>"),
        json!({"m2m:cnt": {"mni": 7, "disr": true}})
    );
    let got = request(&request_document("<rcn> +01 </rcn><da> 0 </da>"), &[]);
    assert_eq!(got.result_content.unwrap().code(), 1);
    assert_eq!(got.additional.unwrap().delivery_aggregation, Some(false));
    for (content, place) in [
        (json!({"m2m:cnt": {"mni": "7"}}), "pc/m2m:cnt/mni"),
        (json!({"m2m:cnt": {"mni": true}}), "pc/m2m:cnt/mni"),
        (json!({"m2m:cnt": {"mni": 7.0}}), "pc/m2m:cnt/mni"),
        (json!({"m2m:cnt": {"disr": 1}}), "pc/m2m:cnt/disr"),
        (json!({"m2m:cnt": {"disr": "true"}}), "pc/m2m:cnt/disr"),
        (json!({"m2m:cnt": {"cr": 7}}), "pc/m2m:cnt/cr"),
        (json!({"m2m:cnt": {"lbl": "a"}}), "pc/m2m:cnt/lbl"),
        (json!({"m2m:cnt": {"lbl": [1]}}), "pc/m2m:cnt/lbl"),
        (json!({"m2m:cnt": {"rn": 1}}), "pc/m2m:cnt/rn"),
        (json!({"m2m:cnt": {"rn": null}}), "pc/m2m:cnt/rn"),
        (json!({"m2m:cnt": 1}), "pc/m2m:cnt"),
    ] {
        not_carried(content, place);
    }
}

#[test]
fn row_14_times_are_written_as_text() {
    let read = in_request(&written(json!({"m2m:tsi": {"dgt": 1000, "con": "1"}})).unwrap());
    assert_eq!(read, json!({"m2m:tsi": {"dgt": "1000", "con": "1"}}));
}

#[test]
fn row_16_integers_are_exact() {
    let large = u64::MAX;
    carried(json!({"m2m:cnt": {"mbs": large}}), &format!("<m2m:cnt><mbs>{large}</mbs></m2m:cnt>"));
    let beyond = r#"{"op":1,"to":"a","rqi":"r","pc":{"m2m:cnt":{"mbs":36893488147419103232}},"rvi":"3"}"#;
    let xml = codec::convert(Format::Json, beyond.into(), Format::Xml, &DecodeOptions::default()).unwrap();
    assert!(std::str::from_utf8(&xml).unwrap().contains("<mbs>36893488147419103232</mbs>"));
    assert_eq!(codec::convert(Format::Xml, xml, Format::Json, &DecodeOptions::default()).unwrap(), beyond);
}

#[test]
fn row_18_unknown_attributes_are_guessed_and_carried_if_the_guess_is_right() {
    carried(
        json!({"m2m:cnt": {"mni": 1, "zzz": " a ", "yyy": {"b": "c"}, "xxx": ["1", "2"], "www": null}}),
        "<m2m:cnt><mni>1</mni><zzz> a </zzz><yyy><b>c</b></yyy><xxx>1</xxx><xxx>2</xxx><www/></m2m:cnt>",
    );
    assert_eq!(
        in_request(r#"<m2m:cnt zz="1"><zzz a="b">c</zzz></m2m:cnt>"#),
        json!({"m2m:cnt": {"zz": "1", "zzz": {"a": "b", "val": "c"}}})
    );
    for value in [json!(1), json!(1.5), json!(true), json!([]), json!(["1"]), json!([1, 2]), json!([[], []]), json!({})]
    {
        not_carried(json!({"m2m:cnt": {"zzz": value}}), "pc/m2m:cnt/zzz");
    }
    assert!(answered(json!({"m2m:cnt": {"zzz": null}})).is_err());
    assert!(written(json!({"m2m:cnt": {"zzz": ""}})).is_err());
    for name in ["a b", "1", "a:b:c", "<", "unregistered:x"] {
        not_carried(json!({"m2m:cnt": {name: "x"}}), &format!("pc/m2m:cnt/{name}"));
    }
}

#[test]
fn row_18_namespaces_of_the_application() {
    let document = r#"<t:thermo xmlns:t="http://rows.example/iot"><temp>21.5</temp></t:thermo>"#;
    // Nothing is known of it: the prefix stays, and everything is text.
    assert_eq!(in_request(document), json!({"t:thermo": {"temp": "21.5"}}));
    not_carried(json!({"t:thermo": {"temp": "21.5"}}), "pc/t:thermo");
    register_namespace("rows", "http://rows.example/iot").unwrap();
    register_flex_container("rows:thermo", &[("unit", AttributeType::String), ("temp", AttributeType::Number)])
        .unwrap();
    assert_eq!(in_request(document), json!({"rows:thermo": {"temp": 21.5}}));
    carried(
        json!({"rows:thermo": {"temp": 21.5, "unit": "C"}}),
        r#"<rows:thermo xmlns:rows="http://rows.example/iot"><unit>C</unit><temp>21.5</temp></rows:thermo>"#,
    );
    // A prefix of the standard for another namespace.
    let taken = request_document(r#"<pc><cod:x xmlns:cod="urn:other"/></pc>"#);
    let Primitive::Request(taken) =
        codec::decode_text(Format::Xml, &taken, &DecodeOptions::default()).unwrap().primitive
    else {
        panic!()
    };
    assert!(taken.content.unwrap().value().is_err());
}

#[test]
fn row_19_flex_containers_of_the_standard() {
    let uri = "http://www.onem2m.org/xml/protocols/commondomain";
    let xml = format!(r#"<cod:color xmlns:cod="{uri}" rn="c"><red>1</red><green>2</green><blue>3</blue></cod:color>"#);
    carried(json!({"cod:color": {"rn": "c", "red": 1, "green": 2, "blue": 3}}), &xml);
    let nested = format!(r#"<m2m:sgn><nev><rep>{xml}</rep></nev></m2m:sgn>"#);
    carried(json!({"m2m:sgn": {"nev": {"rep": {"cod:color": {"rn": "c", "red": 1, "green": 2, "blue": 3}}}}}), &nested);
}

#[test]
fn elements_stand_in_the_order_of_the_schema_and_unknown_ones_last() {
    let written = written(
        json!({"m2m:cnt": {"zzz": "z", "mni": 1, "lbl": ["a"], "rn": "n", "et": "20300101T000000", "acpi": ["b"]}}),
    );
    assert_eq!(
        written.unwrap(),
        r#"<m2m:cnt rn="n"><lbl>a</lbl><acpi>b</acpi><et>20300101T000000</et><mni>1</mni><zzz>z</zzz></m2m:cnt>"#
    );
}

#[test]
fn content_must_be_one_root() {
    for content in [json!({}), json!({"m2m:cin": {}, "m2m:cnt": {}}), json!("text"), json!([1]), json!(null)] {
        not_carried(content, "pc");
    }
    not_carried(json!({"m2m:sgn": {"nev": {"rep": {"cin": {}, "m2m:cin": {}}}}}), "pc/m2m:sgn/nev/rep");
}

#[test]
fn xml_content_of_an_application_is_sent_as_it_is() {
    let content = Content::from_encoded(Format::Xml, Bytes::from_static(b"<m2m:cin><con>1</con></m2m:cin>"));
    let mut request = Request::new(Operation::Create, "a").request_id("r");
    request.content = Some(content.clone());
    request.filter_criteria = Some(Content::from_encoded(Format::Xml, Bytes::from_static(b"<fc><lim>1</lim></fc>")));
    let mut out = BytesMut::new();
    codec::encode_request(Format::Xml, &request, &mut out).unwrap();
    let out = std::str::from_utf8(&out).unwrap();
    assert!(out.contains("<pc><m2m:cin><con>1</con></m2m:cin></pc><fc><lim>1</lim></fc></m2m:rqp>"), "{out}");
    // In a response an empty element would mean something else.
    let empty = Content::from_encoded(Format::Xml, Bytes::from_static(b"<m2m:cin><con/></m2m:cin>"));
    let response = |content| Response { content: Some(content), ..Response::new(StatusCode(2000)).request_id("r") };
    assert!(codec::encode_response(Format::Xml, &response(content), &mut BytesMut::new()).is_ok());
    assert!(codec::encode_response(Format::Xml, &response(empty), &mut BytesMut::new()).is_err());
}
