//! Writing primitives as JSON.
//!
//! Covers: TS-0004 8.4.2 (types, no white space that is not needed), 6.4.1 and 6.4.2 (order of the tables; parameters
//! of later releases and unknown members follow). Content is copied, not made anew.

use bytes::BytesMut;

use super::super::EncodeError;
use super::super::parameter::{OF_REQUEST, OF_RESPONSE, Parameters, is_free};
use super::scanner::find_special;
use crate::primitive::{Content, Format, Request, Response};

/// Appends a request.
pub(in super::super) fn encode_request(request: &Request, out: &mut BytesMut) -> Result<(), EncodeError> {
    if request.request_id.is_empty() {
        return Err(EncodeError::Missing("rqi"));
    }
    let content = request.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(96 + request.to.len() + request.request_id.len() + content);
    let mut w = Writer { out };
    let rare = request.additional.as_deref();
    w.raw(br#"{"op":"#);
    w.integer(request.operation.code().into());
    w.string(br#","to":""#, Some(&request.to));
    w.string(br#","fr":""#, request.from.as_deref());
    w.string(br#","rqi":""#, Some(&request.request_id));
    w.number(br#","ty":"#, request.resource_type.map(|ty| ty.code()));
    w.content("pc", br#","pc":"#, request.content.as_ref())?;
    if let Some(rare) = rare {
        w.list(br#","rids":"#, rare.role_ids.as_deref());
    }
    w.string(br#","ot":""#, request.originating_timestamp.as_deref());
    w.string(br#","rqet":""#, request.request_expiration.as_ref().map(|time| time.as_str()));
    w.string(br#","rset":""#, request.result_expiration.as_ref().map(|time| time.as_str()));
    if let Some(rare) = rare {
        w.string(br#","oet":""#, rare.operation_execution_time.as_ref().map(|time| time.as_str()));
    }
    if let Some(response_type) = &request.response_type {
        w.raw(br#","rt":{"rtv":"#);
        w.integer(response_type.value.code().into());
        w.list(br#","nu":"#, response_type.notification_uris.as_deref());
        w.raw(b"}");
    }
    if let Some(rare) = rare {
        w.string(br#","rp":""#, rare.result_persistence.as_ref().map(|time| time.as_str()));
    }
    w.number(br#","rcn":"#, request.result_content.map(|rcn| rcn.code()));
    w.number(br#","ec":"#, request.event_category.map(|ec| ec.code()));
    if let Some(rare) = rare {
        w.boolean(br#","da":"#, rare.delivery_aggregation);
        w.string(br#","gid":""#, rare.group_request_id.as_deref());
    }
    w.content("fc", br#","fc":"#, request.filter_criteria.as_ref())?;
    w.number(br#","drt":"#, request.id_result_type.map(|drt| drt.code()));
    if let Some(rare) = rare {
        w.list(br#","tkns":"#, rare.tokens.as_deref());
        w.list(br#","tids":"#, rare.token_ids.as_deref());
        w.list(br#","ltids":"#, rare.local_token_ids.as_deref());
        w.boolean(br#","tqi":"#, rare.token_request_indicator);
        w.list(br#","grtm":"#, rare.group_request_target_members.as_deref());
        w.boolean(br#","asi":"#, rare.authorization_signature_indicator);
        w.list(br#","aus":"#, rare.authorization_signatures.as_deref());
        w.boolean(br#","auri":"#, rare.authorization_relationship_indicator);
        w.boolean(br#","sqi":"#, rare.semantic_query_indicator);
    }
    w.string(br#","rvi":""#, request.release_version.as_deref());
    if let Some(rare) = rare {
        w.string(br#","vsi":""#, rare.vendor_information.as_deref());
        w.list(br#","omr":"#, rare.ontology_mapping_resources.as_deref());
        w.number(br#","gstn":"#, rare.group_somecast_target_number);
        w.string(br#","msu":""#, rare.service_user.as_deref());
        w.string(br#","ma":""#, rare.maximum_age.as_deref());
        w.unknown(&rare.unknown, OF_REQUEST)?;
    }
    w.raw(b"}");
    Ok(())
}

/// Appends a response to the request `rqi`, of the release `rvi`; what it says of both itself does not count.
pub(in super::super) fn encode_response(
    response: &Response,
    rqi: &str,
    rvi: Option<&str>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let content = response.content.as_ref().map_or(0, |content| content.bytes().len());
    out.reserve(96 + rqi.len() + content);
    let mut w = Writer { out };
    let rare = response.additional.as_deref();
    w.raw(br#"{"rsc":"#);
    w.integer(response.status.code().into());
    w.string(br#","rqi":""#, Some(rqi).filter(|rqi| !rqi.is_empty()));
    w.content("pc", br#","pc":"#, response.content.as_ref())?;
    w.string(br#","to":""#, response.to.as_deref());
    w.string(br#","fr":""#, response.from.as_deref());
    w.string(br#","ot":""#, response.originating_timestamp.as_deref());
    w.string(br#","rset":""#, response.result_expiration.as_ref().map(|time| time.as_str()));
    if let Some(rare) = rare {
        w.number(br#","ec":"#, rare.event_category.map(|ec| ec.code()));
        w.number(br#","cnst":"#, rare.content_status.map(|cnst| cnst.code()));
        w.number(br#","cnot":"#, rare.content_offset);
        w.content("ati", br#","ati":"#, rare.assigned_token_ids.as_ref())?;
        w.content("tqf", br#","tqf":"#, rare.token_request_information.as_ref())?;
        w.boolean(br#","asri":"#, rare.authorization_signature_request);
    }
    w.string(br#","rvi":""#, rvi);
    if let Some(rare) = rare {
        w.string(br#","vsi":""#, rare.vendor_information.as_deref());
        w.string(br#","msu":""#, rare.service_user.as_deref());
        w.unknown(&rare.unknown, OF_RESPONSE)?;
    }
    w.raw(b"}");
    Ok(())
}

/// Appends members. Their names come as `,"name":`, and with the quote that opens a string, so that each is one copy.
struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl Writer<'_> {
    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn integer(&mut self, number: u64) {
        self.raw(itoa::Buffer::new().format(number).as_bytes());
    }

    /// The rest of a string after the quote that opens it.
    #[inline]
    fn rest_of_string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let special = find_special(bytes, 0);
        if special == bytes.len() {
            self.raw(bytes);
        } else {
            self.escaped(bytes, special);
        }
        self.raw(b"\"");
    }

    #[cold]
    fn escaped(&mut self, bytes: &[u8], mut special: usize) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut copied = 0;
        while let Some(byte) = bytes.get(special) {
            self.raw(&bytes[copied..special]);
            match byte {
                b'"' => self.raw(br#"\""#),
                b'\\' => self.raw(br"\\"),
                b'\n' => self.raw(br"\n"),
                b'\r' => self.raw(br"\r"),
                b'\t' => self.raw(br"\t"),
                _ => {
                    self.raw(br"\u00");
                    self.raw(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                }
            }
            copied = special + 1;
            special = find_special(bytes, copied);
        }
        self.raw(&bytes[copied..]);
    }

    #[inline]
    fn string(&mut self, name: &[u8], text: Option<&str>) {
        if let Some(text) = text {
            self.raw(name);
            self.rest_of_string(text);
        }
    }

    #[inline]
    fn number(&mut self, name: &[u8], number: Option<impl Into<u64>>) {
        if let Some(number) = number {
            self.raw(name);
            self.integer(number.into());
        }
    }

    fn boolean(&mut self, name: &[u8], value: Option<bool>) {
        if let Some(value) = value {
            self.raw(name);
            self.raw(if value { b"true" } else { b"false" });
        }
    }

    fn list(&mut self, name: &[u8], list: Option<&[String]>) {
        let Some(list) = list else { return };
        self.raw(name);
        self.raw(b"[");
        for (i, item) in list.iter().enumerate() {
            self.raw(if i > 0 { b",\"" } else { b"\"" });
            self.rest_of_string(item);
        }
        self.raw(b"]");
    }

    #[inline]
    fn content(&mut self, member: &str, name: &[u8], content: Option<&Content>) -> Result<(), EncodeError> {
        if let Some(content) = content {
            if content.format() != Format::Json {
                return Err(EncodeError::ContentFormat { member: member.to_owned(), format: content.format() });
            }
            self.raw(name);
            self.raw(content.bytes());
        }
        Ok(())
    }

    fn unknown(&mut self, members: &[(String, Content)], own: Parameters) -> Result<(), EncodeError> {
        for (i, (name, content)) in members.iter().enumerate() {
            if !is_free(name, own) || members[..i].iter().any(|(other, _)| other == name) {
                return Err(EncodeError::MemberName(name.clone()));
            }
            self.raw(b",\"");
            self.rest_of_string(name);
            self.content(name, b":", Some(content))?;
        }
        Ok(())
    }
}
