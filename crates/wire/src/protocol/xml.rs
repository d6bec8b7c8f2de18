//! XML as AWS writes and reads it: no indentation, a declaration, elements and few attributes.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Builds a document from names that are known to be names and texts that are escaped.
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self {
            out: DECLARATION.to_owned(),
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.open_with(name, &[]);
    }

    /// Attributes without a value are left out.
    pub(crate) fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(value, &mut self.out);
            self.out.push('"');
        }
        self.out.push('>');
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    pub(crate) fn text(&mut self, text: &str) {
        escape(text, &mut self.out);
    }

    pub(crate) fn empty(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str("/>");
    }

    pub(crate) fn element(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }
}

/// Control characters, which XML 1.0 cannot hold, go out as references, as S3 sends them.
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(character),
            control if control < ' ' => out.push_str(&format!("&#{};", u32::from(control))),
            other => out.push(other),
        }
    }
}

/// An element of a parsed document.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// With their prefixes, without namespace declarations.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Node>,
}

/// Deeper nesting than any model has is an attack on the stack.
const DEPTH_MAX: usize = 64;

impl Node {
    pub(crate) fn children_named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> {
        let name = local_name(name).to_owned();
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children_named(name).next()
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The root element, or `None` for anything that is not one well-formed document.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) if open.len() < DEPTH_MAX => open.push(Self::begin(&start)?),
                Event::Start(_) | Event::DocType(_) => return None,
                Event::Empty(start) => close(Self::begin(&start)?, &mut open, &mut root)?,
                Event::End(_) => close(open.pop()?, &mut open, &mut root)?,
                Event::Text(text) => append(&mut open, &text),
                Event::CData(text) => append(&mut open, &text),
                Event::GeneralRef(reference) => append(&mut open, &resolve(&reference)?),
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
        if open.is_empty() { root } else { None }
    }

    fn begin(start: &BytesStart<'_>) -> Option<Self> {
        let name = start.name().into_inner().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let key = attribute.key.into_inner();
            if !key.starts_with("xmlns") {
                attributes.push((
                    key.to_owned(),
                    quick_xml::escape::unescape(&attribute.value)
                        .ok()?
                        .into_owned(),
                ));
            }
        }
        Some(Self {
            name: local_name(&name).to_owned(),
            attributes,
            ..Self::default()
        })
    }
}

fn local_name(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// A second root is not a document.
fn close(node: Node, open: &mut [Node], root: &mut Option<Node>) -> Option<()> {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None if root.is_none() => *root = Some(node),
        None => return None,
    }
    Some(())
}

fn append(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

/// The five predefined entities and character references; no others, so nothing can expand.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_entities_attributes_and_prefixes() {
        let node = Node::parse(
            br#"<?xml version="1.0"?><a xmlns:x="u"><b x:type="T">1 &lt;&#x41;&amp;</b><x:c/><![CDATA[<z>]]></a>"#,
        )
        .unwrap();
        assert_eq!(node.child("b").unwrap().text, "1 <A&");
        assert_eq!(node.child("b").unwrap().attribute("x:type"), Some("T"));
        assert!(node.child("c").is_some());
        assert_eq!(node.text, "<z>");
    }

    #[test]
    fn refuses_what_is_no_document() {
        for document in [
            "",
            "a",
            "<a>",
            "<a/><b/>",
            "<a></b>",
            "<!DOCTYPE a><a/>",
            "<a>&bomb;</a>",
        ] {
            assert!(Node::parse(document.as_bytes()).is_none(), "{document}");
        }
        assert!(Node::parse("<a>".repeat(100).as_bytes()).is_none());
    }

    #[test]
    fn escapes() {
        let mut writer = Writer::new();
        writer.element("a", "<\"&>\r\u{1}");
        assert!(
            writer
                .finish()
                .ends_with("<a>&lt;&quot;&amp;&gt;&#13;&#1;</a>")
        );
    }
}
