//! What an XML document says, without how it is written: namespaces instead of prefixes, no white space between elements.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Node {
    namespace: String,
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Self>,
}

/// The root. Panics if the document is not well-formed.
pub(crate) fn tree(document: &str) -> Node {
    let mut reader = NsReader::from_str(document);
    let mut open = vec![Node::new(String::new(), String::new())];
    loop {
        let (namespace, event) = reader.read_resolved_event().unwrap();
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
            _ => String::new(),
        };
        match event {
            Event::Start(tag) => open.push(node(namespace, &tag)),
            Event::Empty(tag) => {
                let node = node(namespace, &tag);
                open.last_mut().unwrap().children.push(node);
            }
            Event::End(_) => {
                let mut node = open.pop().unwrap();
                if !node.children.is_empty() {
                    assert!(node.text.trim().is_empty(), "text beside elements");
                    node.text.clear();
                }
                open.last_mut().unwrap().children.push(node);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut().unwrap().text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*reference)).unwrap().into_owned();
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut roots = open.pop().unwrap().children;
    assert!(open.is_empty() && roots.len() == 1, "one root");
    roots.remove(0)
}

fn node(namespace: String, tag: &BytesStart<'_>) -> Node {
    let mut node = Node::new(namespace, tag.local_name().as_ref().to_owned());
    for attribute in tag.attributes() {
        let attribute = attribute.unwrap();
        let name: &str = attribute.key.as_ref();
        if !name.starts_with("xmlns") {
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap();
            node.attributes.push((name.to_owned(), value.into_owned()));
        }
    }
    node.attributes.sort();
    node
}

impl Node {
    fn new(namespace: String, name: String) -> Self {
        Self { namespace, name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }
}
