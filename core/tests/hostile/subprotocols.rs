//! What is chosen among the offered subprotocols (TS-0020 6.2.2.7, 6.2.2.9, 6.2.3.5), over sockets.

use super::harness::{Peer, frame, request, start, with};
use onem2m_ws::primitive::Format;
use onem2m_ws::server::ServerBuilder;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

const LINE: &str = "Sec-WebSocket-Protocol: oneM2M.json";

/// Offers these lines; the name that is answered, or the refusal's body.
async fn offer(address: &str, lines: &[&str]) -> Result<String, String> {
    let lines: Vec<_> = lines.iter().map(|line| format!("Sec-WebSocket-Protocol: {line}")).collect();
    let mut peer = Peer::connect(address).await;
    peer.say(&with(LINE, &lines.join("\r\nX: y\r\n"))).await;
    let head = peer.head().await;
    if !head.starts_with("HTTP/1.1 101 ") {
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
        return Err(String::from_utf8(peer.rest().await).unwrap());
    }
    let chosen: Vec<_> = head.split("\r\n").filter_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: ")).collect();
    assert_eq!(chosen.len(), 1, "exactly one is answered: {head}");
    // And it speaks JSON from then on.
    peer.say(&frame(0x81, &request("1"))).await;
    assert_eq!(peer.status().await, 2000);
    Ok(chosen[0].to_owned())
}

async fn check(settings: fn(ServerBuilder) -> ServerBuilder, table: &[(&[&str], Option<&str>)]) {
    let (_server, address) = start(|server| settings(server.formats([Format::Json])));
    for (lines, expected) in table {
        match (offer(&address, lines).await, expected) {
            (Ok(chosen), Some(expected)) => assert_eq!(chosen, *expected, "{lines:?}"),
            (Err(body), None) => assert!(body.contains("oneM2M.json, oneM2M.R2.0.json"), "{lines:?}: {body}"),
            (result, _) => panic!("{lines:?}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn ws_6_2_3_5_1_one_of_the_offered_names_is_answered_in_the_clients_spelling() {
    check(
        |server| server,
        &[
            (&["oneM2M.json"], Some("oneM2M.json")),
            // WS-6.2.2.9-2: only the name of Release 2, and both, in either order.
            (&["oneM2M.R2.0.json"], Some("oneM2M.R2.0.json")),
            (&["oneM2M.json, oneM2M.R2.0.json"], Some("oneM2M.json")),
            (&["oneM2M.R2.0.json, oneM2M.json"], Some("oneM2M.json")),
            (&["oneM2M.R2.0.json", "oneM2M.json"], Some("oneM2M.json")),
            // Unknown names are passed over, wherever they stand.
            (&["chat, oneM2M.json"], Some("oneM2M.json")),
            (&["chat", "oneM2M.json"], Some("oneM2M.json")),
            (&["oneM2M.json, chat"], Some("oneM2M.json")),
            (&["oneM2M.json.v2, oneM2M.jso, oneM2M.R2.0.json"], Some("oneM2M.R2.0.json")),
            (&["oneM2M.R3.0.json", "oneM2M.R2.0.json"], Some("oneM2M.R2.0.json")),
            // WS-6.2.2.7-2: lines and commas are the same.
            (&["", " , ,oneM2M.json,"], Some("oneM2M.json")),
            (&["chat,oneM2M.R2.0.json", "superchat ,\toneM2M.json "], Some("oneM2M.json")),
            // Case does not count, and is given back.
            (&["onem2m.json"], Some("onem2m.json")),
            (&["ONEM2M.JSON"], Some("ONEM2M.JSON")),
            (&["onem2m.r2.0.json"], Some("onem2m.r2.0.json")),
            (&["oneM2M.R2.0.JSON, oneM2M.Json"], Some("oneM2M.Json")),
            (&["OneM2M.json, oneM2M.json"], Some("OneM2M.json")),
            (&["oneM2M.json, oneM2M.json"], Some("oneM2M.json")),
            // A format that this server does not speak is passed over, and never guessed.
            (&["oneM2M.xml, oneM2M.cbor, oneM2M.R2.0.json"], Some("oneM2M.R2.0.json")),
            (&["oneM2M.xml"], None),
            (&["oneM2M.R2.0.cbor"], None),
            (&["chat"], None),
            (&["json"], None),
            (&["oneM2M"], None),
            (&["*"], None),
            // The spellings of older texts.
            (&["oneM2M-pro-v1.0"], None),
            (&["oneM2M-R2.0_JSON"], None),
            (&["oneM2M-pro-v1.0", "oneM2M.json"], Some("oneM2M.json")),
        ],
    )
    .await;
}

#[tokio::test]
async fn ws_6_2_2_9_2_stray_spellings_are_taken_when_told_so() {
    check(
        |server| server.stray_subprotocols(true),
        &[
            (&["oneM2M-pro-v1.0"], Some("oneM2M-pro-v1.0")),
            (&["oneM2M-R2.0_JSON"], Some("oneM2M-R2.0_JSON")),
            (&["onem2m-r2.0_json"], Some("onem2m-r2.0_json")),
            (&["oneM2M-pro-v1.0, oneM2M.json"], Some("oneM2M.json")),
            (&["oneM2M-R2.0_XML, oneM2M-R2.0_JSON"], Some("oneM2M-R2.0_JSON")),
            (&["oneM2M-R2.0_XML"], None),
            (&["oneM2M-R2.0_CBOR"], None),
            (&["oneM2M-pro-v1.1"], None),
        ],
    )
    .await;
}

#[tokio::test]
async fn ws_6_2_2_7_1_a_client_that_is_not_ours_agrees() {
    use futures_util::{SinkExt, StreamExt};
    let (_server, address) = start(|server| server);
    for (offered, expected) in [
        ("oneM2M.json", Some("oneM2M.json")),
        ("oneM2M.R2.0.json", Some("oneM2M.R2.0.json")),
        ("chat, onem2m.r2.0.json", Some("onem2m.r2.0.json")),
        ("oneM2M.R2.0.json, oneM2M.json", Some("oneM2M.json")),
        ("chat", None),
    ] {
        let mut request = format!("ws://{address}").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", offered.parse().unwrap());
        match (tokio_tungstenite::connect_async(request).await, expected) {
            (Ok((mut stream, answer)), Some(expected)) => {
                assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], expected);
                let text = String::from_utf8(super::harness::request("1")).unwrap();
                stream.send(Message::text(text)).await.unwrap();
                let answer = stream.next().await.unwrap().unwrap();
                assert!(answer.to_text().unwrap().contains("2000"), "{answer:?}");
                stream.close(None).await.unwrap();
            }
            (Err(Error::Http(answer)), None) => {
                assert_eq!(answer.status(), 400);
                let body = answer.body().as_deref().unwrap_or_default();
                assert!(String::from_utf8_lossy(body).contains("oneM2M.json"), "{answer:?}");
            }
            (result, _) => panic!("{offered}: {result:?}"),
        }
    }
}
