//! XML messages that are refused, every limit at its edge, and what is still known of what was refused.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use onem2m_ws::codec::{
    self, DecodeError, DecodeErrorKind, DecodeOptions, Decoded, Deviation, MAX_DEPTH, Primitive, Shape,
};
use onem2m_ws::primitive::{Format, StatusCode};

const OPEN: &str = r#"<m2m:rqp xmlns:m2m="http://www.onem2m.org/xml/protocols">"#;
const CLOSE: &str = "</m2m:rqp>";
const BODY: &str = "<op>2</op><to>a</to><fr>C</fr><rqi>r</rqi><rvi>3</rvi>";

fn document(inside: &str) -> String {
    format!("{OPEN}{BODY}{inside}{CLOSE}")
}

fn decode(document: &str, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    let kept = codec::decode(Format::Xml, Bytes::copy_from_slice(document.as_bytes()), options);
    // Both ways agree.
    assert_eq!(kept.is_ok(), codec::decode_text(Format::Xml, document, options).is_ok(), "{document}");
    kept
}

fn accepted(document: &str) -> Decoded {
    decode(document, &DecodeOptions::default()).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn refused(document: &str) -> DecodeError {
    match decode(document, &DecodeOptions::default()) {
        Ok(decoded) => panic!("{document}: {decoded:?}"),
        Err(error) => {
            assert_eq!(error.status(), StatusCode::BAD_REQUEST);
            assert!(error.offset() <= document.len(), "{document}: {error}");
            error
        }
    }
}

fn is_syntax(error: &DecodeError) -> bool {
    matches!(error.kind(), DecodeErrorKind::Syntax(_))
}

#[test]
fn broken_grammar_is_refused() {
    for inside in [
        "<",
        "<a",
        "<a>",
        "</a>",
        "<a></b>",
        "<a></a b='1'>",
        "<a></ a>",
        "<a/ >",
        "< a/>",
        "<1/>",
        "<a<b/>",
        "<a&amp;/>",
        "<a:/>",
        "<:a/>",
        "<m2m:a:b/>",
        "<a b/>",
        "<a b=1/>",
        "<a b='1'c='2'/>",
        "<a b='1' b='2'/>",
        "<a b='<'/>",
        "<a b='&lt'/>",
        "<a b='&x;'/>",
        "<a b='1/>",
        "<a>]]></a>",
        "<a>&</a>",
        "<a>& </a>",
        "<a>&lt</a>",
        "<a>&nbsp;</a>",
        "<a>&#0;</a>",
        "<a>&#x1F;</a>",
        "<a>&#xFFFE;</a>",
        "<a>&#xD800;</a>",
        "<a>&#1114112;</a>",
        "<!-- a -- b -->",
        "<!-- a --->",
        "<!-- a",
        "<![CDATA[ a",
        "<![cdata[a]]>",
        "<?xml version='1.0'?>",
        "<?XML a?>",
        "<??>",
        "<? a?>",
        "<?a",
        "<!ELEMENT a>",
        "text",
        "&lt;",
    ] {
        let error = refused(&document(inside));
        assert!(is_syntax(&error) || matches!(error.kind(), DecodeErrorKind::DuplicateMember(_)), "{inside}: {error}");
        assert_eq!((error.shape(), error.request_id()), (Shape::Request, Some("r")), "{inside}: {error}");
    }
    for document in ["", " ", "<", "text", "<!-- -->", "<m2m:rqp", "&lt;", "{\"op\":1}", "<?xml version='1.0'?>"] {
        let error = refused(document);
        assert!(is_syntax(&error), "{document}: {error}");
        assert_eq!((error.shape(), error.request_id()), (Shape::Unknown, None));
    }
}

#[test]
fn characters_that_xml_does_not_have_are_refused() {
    for c in ['\0', '\u{1}', '\u{8}', '\u{b}', '\u{c}', '\u{e}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        for inside in [format!("<gid>a{c}</gid>"), format!("<!--{c}-->"), format!("<a b='{c}'/>")] {
            let document = document(&inside);
            let error = refused(&document);
            assert_eq!(*error.kind(), DecodeErrorKind::Syntax("a character that XML allows"));
            assert_eq!(Some(error.offset()), document.find(c));
        }
    }
    let error = codec::decode(Format::Xml, Bytes::from_static(b"<a>\xff</a>"), &DecodeOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::NotUtf8, 3));
}

#[test]
fn document_types_and_entities_are_refused() {
    for document in [
        format!("<!DOCTYPE rqp>{}", document("")),
        format!("<!DOCTYPE rqp [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>{}", document("<gid>&b;</gid>")),
        format!("<!DOCTYPE rqp SYSTEM \"file:///etc/passwd\">{}", document("")),
        format!("<?xml version=\"1.0\"?>\n<!doctype rqp>{}", document("")),
    ] {
        assert_eq!(*refused(&document).kind(), DecodeErrorKind::Syntax("no document type"));
    }
}

#[test]
fn declarations_are_of_utf_8_and_stand_first() {
    for declaration in ["", "\u{feff}", "<?xml version=\"1.0\"?>", "\u{feff}<?xml version='1.0' encoding='utf-8'?>\n"] {
        accepted(&format!("{declaration}{}", document("")));
    }
    for declaration in [
        " <?xml version=\"1.0\"?>",
        "<!-- --><?xml version=\"1.0\"?>",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
        "<?xml version=\"2.0\"?>",
        "<?xml encoding=\"UTF-8\"?>",
        "\u{feff}\u{feff}",
    ] {
        refused(&format!("{declaration}{}", document("")));
    }
}

#[test]
fn comments_instructions_and_sections_are_understood() {
    let decoded = accepted(&format!(
        "<!-- a --><?p i?> {OPEN}<!-- b --><op><!-- c -->2</op><to>a<?p?>b<![CDATA[<c]]>&#x64;</to><fr>C</fr><rqi>r</rqi>\
         <pc><!-- d --><m2m:cin><con>a<!-- e -->b<![CDATA[&amp;]]>]]</con></m2m:cin></pc><rvi>3</rvi>{CLOSE} <!-- f --> "
    ));
    assert!(decoded.deviations.is_empty());
    let Primitive::Request(request) = decoded.primitive else { panic!() };
    assert_eq!(request.to, "ab<cd");
    let value = request.content.unwrap().value().unwrap();
    assert_eq!(value, serde_json::json!({"m2m:cin": {"con": "ab&amp;]]"}}));
}

#[test]
fn prefixes_must_be_declared() {
    for inside in ["<x:a/>", "<pc><x:cin/></pc>", "<pc><m2m:cin x:a='1'/></pc>", "<pc><m2m:cin><x:a/></m2m:cin></pc>"] {
        assert_eq!(
            *refused(&document(inside)).kind(),
            DecodeErrorKind::Syntax("a prefix that is declared"),
            "{inside}"
        );
    }
    // A declaration ends with its element.
    assert!(is_syntax(&refused(&document("<pc xmlns:x='urn:x'><x:a/></pc><x:b/>"))));
    for declaration in
        ["xmlns:x=''", "xmlns:xml='urn:x'", "xmlns:xmlns='urn:x'", "xmlns:x='http://www.w3.org/2000/xmlns/'"]
    {
        assert!(is_syntax(&refused(&document(&format!("<pc><m2m:cin {declaration}/></pc>")))), "{declaration}");
    }
    // Two prefixes for one namespace make one name.
    let twice = "<pc><m2m:cin xmlns:a='urn:x' xmlns:b='urn:x' a:c='1' b:c='2'/></pc>";
    assert_eq!(*refused(&document(twice)).kind(), DecodeErrorKind::DuplicateMember("c".into()));
    accepted(&document("<pc><m2m:cin xmlns:a='urn:x' xmlns:b='urn:y' a:c='1' b:c='2' c='3'/></pc>"));
}

#[test]
fn the_root_says_which_primitive_it_is() {
    for document in [
        "<a/>".to_owned(),
        format!("<m2m:cin {}/>", "xmlns:m2m=\"http://www.onem2m.org/xml/protocols\""),
        "<x:rqp xmlns:x=\"urn:x\"/>".to_owned(),
    ] {
        assert_eq!(*refused(&document).kind(), DecodeErrorKind::NotAnObject, "{document}");
    }
    let rqp = |inside: &str| format!("{OPEN}{inside}{CLOSE}");
    let rsp = |inside: &str| rqp(inside).replace("m2m:rqp", "m2m:rsp");
    for (document, kind, shape) in [
        (rqp("<rqi>r</rqi>"), DecodeErrorKind::NeitherRequestNorResponse, Shape::Request),
        (rqp("<rqi>r</rqi><rsc>2000</rsc>"), DecodeErrorKind::BadWrapper, Shape::Response),
        (rqp("<rqi>r</rqi><op>1</op><rsc>2000</rsc>"), DecodeErrorKind::BadWrapper, Shape::Response),
        (rsp("<rqi>r</rqi>"), DecodeErrorKind::NeitherRequestNorResponse, Shape::Response),
        (rsp("<rqi>r</rqi><op>1</op>"), DecodeErrorKind::BadWrapper, Shape::Response),
    ] {
        let error = refused(&document);
        assert_eq!((error.kind(), error.shape(), error.request_id()), (&kind, shape, Some("r")), "{document}");
    }
    assert!(
        accepted(&rsp("<rsc>2000</rsc><op>1</op><rqi>r</rqi>")).deviations.contains(Deviation::OperationInResponse)
    );
}

#[test]
fn nothing_follows_the_root() {
    for rest in ["<a/>", "x", "&lt;", "<![CDATA[]]>", OPEN] {
        assert_eq!(*refused(&format!("{}{rest}", document(""))).kind(), DecodeErrorKind::TrailingBytes, "{rest}");
    }
    accepted(&format!("{}\n<!-- --> <?p?>\r\n", document("")));
}

#[test]
fn parameters_are_there_once() {
    for (inside, name) in
        [("<op>2</op>", "op"), ("<m2m:op>2</m2m:op>", "m2m:op"), ("<pc><m2m:cin/></pc><pc/>", "pc"), ("<x/><x/>", "x")]
    {
        assert_eq!(*refused(&document(inside)).kind(), DecodeErrorKind::DuplicateMember(name.into()), "{inside}");
    }
}

#[test]
fn values_of_parameters_have_their_type() {
    for (inside, member) in [
        ("<rcn>x</rcn>", "rcn"),
        ("<rcn>1.0</rcn>", "rcn"),
        ("<rcn>70000</rcn>", "rcn"),
        ("<rcn>-1</rcn>", "rcn"),
        ("<rcn>99999999999999999999999999999999999999999</rcn>", "rcn"),
        ("<rcn><a/></rcn>", "rcn"),
        ("<rcn a='1'>1</rcn>", "rcn"),
        ("<da>yes</da>", "da"),
        ("<gid><a/></gid>", "gid"),
        ("<rids><a/></rids>", "rids"),
        ("<rt>x</rt>", "rt"),
        ("<rt><nu>a</nu></rt>", "rt"),
        ("<rt><rtv>70000</rtv></rt>", "rt"),
        ("<fc>x</fc>", "fc"),
    ] {
        let error = refused(&document(inside));
        assert!(
            matches!(error.kind(), DecodeErrorKind::BadValue { member: found, .. } if *found == member),
            "{inside}: {error:?}"
        );
        assert_eq!(error.request_id(), Some("r"));
    }
    for (document, member) in [
        (document("").replace("<rqi>r</rqi>", ""), "rqi"),
        (document("").replace("<rqi>r</rqi>", "<rqi/>"), "rqi"),
        (document("").replace("<to>a</to>", "<to> </to>"), "to"),
    ] {
        assert_eq!(*refused(&document).kind(), DecodeErrorKind::Missing(member));
    }
    assert!(matches!(
        refused(&document("").replace("<op>2", "<op>7")).kind(),
        DecodeErrorKind::BadValue { member: "op", .. }
    ));
}

#[test]
fn values_in_content_have_their_type_when_they_are_looked_at() {
    for (content, path) in [
        ("<m2m:cnt><mni>x</mni></m2m:cnt>", "m2m:cnt/mni"),
        ("<m2m:cnt><mni>1.5</mni></m2m:cnt>", "m2m:cnt/mni"),
        ("<m2m:cnt><disr>TRUE</disr></m2m:cnt>", "m2m:cnt/disr"),
        ("<m2m:cnt><lbl><a/></lbl></m2m:cnt>", "m2m:cnt/lbl"),
        ("<m2m:cnt>text</m2m:cnt>", "m2m:cnt"),
        ("<m2m:rrl><rrf nm='a' typ=''>x</rrf></m2m:rrl>", "m2m:rrl/rrf/typ"),
        ("<m2m:cnt><zz>a<b/></zz></m2m:cnt>", "m2m:cnt/zz"),
    ] {
        let Primitive::Request(request) = accepted(&document(&format!("<pc>{content}</pc>"))).primitive else {
            panic!()
        };
        let error = request.content.unwrap().value().unwrap_err();
        let codec::ContentError::Unreadable(error) = error else { panic!("{error}") };
        assert!(matches!(error.kind(), DecodeErrorKind::BadMember { path: found, .. } if found == path), "{error:?}");
    }
    let twice = accepted(&document("<pc><m2m:cnt rn='a'><rn>b</rn></m2m:cnt></pc>")).primitive;
    let Primitive::Request(request) = twice else { panic!() };
    assert!(request.content.unwrap().value().is_err());
}

#[test]
fn unusual_content_is_understood_or_refused() {
    let content = |inside: &str| {
        let decoded = accepted(&document(inside));
        let Primitive::Request(request) = decoded.primitive else { panic!() };
        (request.content.map(|content| content.value().unwrap()), decoded.deviations.iter().collect::<Vec<_>>())
    };
    for inside in ["<pc/>", "<pc></pc>", "<pc> <!-- --> </pc>"] {
        assert_eq!(content(inside), (None, vec![Deviation::EmptyContent]));
    }
    let cin = serde_json::json!({"m2m:cin": {"con": "1"}});
    assert_eq!(
        content("<pc>{&quot;m2m:cin&quot;:{&quot;con&quot;:&quot;1&quot;}}</pc>"),
        (Some(cin), vec![Deviation::TextContent])
    );
    assert_eq!(content("<pc>some text</pc>"), (Some("some text".into()), vec![Deviation::PlainContent]));
    assert_eq!(
        content("<pc><m2m:cin/><m2m:cnt><mni>1</mni></m2m:cnt></pc>"),
        (Some(serde_json::json!({"m2m:cin": {}, "m2m:cnt": {"mni": 1}})), vec![Deviation::ContentMembers])
    );
    assert!(is_syntax(&refused(&document("<pc>text<m2m:cin/></pc>"))));
    assert!(is_syntax(&refused(&document("<pc><m2m:cin/>&lt;</pc>"))));
}

#[test]
fn elements_nest_no_deeper_than_allowed() {
    let nested = |levels: usize| document(&format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels)));
    let deepest = MAX_DEPTH as usize - 1;
    accepted(&nested(deepest));
    assert_eq!(*refused(&nested(deepest + 1)).kind(), DecodeErrorKind::TooDeep);
    assert_eq!(*refused(&nested(100_000)).kind(), DecodeErrorKind::TooDeep);
    let options = DecodeOptions { max_depth: 3, ..DecodeOptions::default() };
    assert!(decode(&nested(2), &options).is_ok() && decode(&nested(3), &options).is_err());
    assert!(decode(&document(""), &DecodeOptions { max_depth: 0, ..options.clone() }).is_err());
    // More than the most is not more.
    let options = DecodeOptions { max_depth: u32::MAX, ..options };
    assert!(decode(&nested(deepest + 1), &options).is_err());
}

#[test]
fn attributes_namespaces_and_unknown_members_are_counted() {
    let attributes = |count: usize| (0..count).map(|i| format!(" a{i}='1'")).collect::<String>();
    accepted(&document(&format!("<pc><m2m:cin{}/></pc>", attributes(64))));
    assert!(is_syntax(&refused(&document(&format!("<pc><m2m:cin{}/></pc>", attributes(65))))));

    let namespaces = |count: usize| (0..count).map(|i| format!(" xmlns:a{i}='urn:{i}'")).collect::<String>();
    let nested = |outer: usize, inner: usize| {
        document(&format!("<pc{}><m2m:cin{}/></pc>", namespaces(outer), namespaces(inner)))
    };
    accepted(&nested(32, 32));
    assert!(is_syntax(&refused(&nested(32, 33))));

    let unknown = |count: usize| document(&(0..count).map(|i| format!("<x{i}/>")).collect::<String>());
    accepted(&unknown(64));
    assert_eq!(*refused(&unknown(65)).kind(), DecodeErrorKind::TooManyUnknownMembers);
}

#[test]
fn errors_name_the_place() {
    let document = document("<rcn>x</rcn>");
    assert_eq!(Some(refused(&document).offset()), document.find("<rcn>"));
    let broken = format!("\u{feff}{}", document.replace("<rcn>x</rcn>", "<a></b>"));
    assert_eq!(Some(refused(&broken).offset()), broken.find("</b>"));
    let name = format!("a{}", "x".repeat(500));
    let text = refused(&document.replace("<rcn>x</rcn>", &format!("<{name}/><{name}/>"))).to_string();
    assert!(text.len() < 150, "{text}");
}

#[test]
fn every_prefix_of_a_document_is_refused_and_none_panics() {
    let whole = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}<!-- é -->",
        document("<pc><m2m:cin rn=\"ö\"><con>a&amp;<![CDATA[ü]]>&#252;</con></m2m:cin></pc>")
    );
    let complete = whole.find("<!--").unwrap();
    for length in 0..whole.len() {
        let part = Bytes::copy_from_slice(&whole.as_bytes()[..length]);
        let result = codec::decode(Format::Xml, part, &DecodeOptions::default());
        assert_eq!(result.is_ok(), length == complete, "{length}");
    }
}
