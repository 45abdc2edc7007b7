//! The wire format of Renode's robot server.

use std::io::{Read, Write};
use std::net::TcpStream;

/// A `run_keyword`.
pub(crate) struct Call {
    pub(crate) keyword: String,
    pub(crate) arguments: Vec<String>,
}

/// The result of a keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Pass(String),
    /// Error and traceback.
    Fail(String, String),
    Fault(i64, String),
}

impl Reply {
    /// The failure of a command, in Renode's words.
    pub(crate) fn failed(command: &str, what: &str) -> Self {
        let error = format!("KeywordException: Could not execute command '{command}': {what}\n");
        Self::Fail(
            error,
            "KeywordException:   at Antmicro.Renode.RobotFramework\n".to_owned(),
        )
    }
}

pub(crate) fn read_call(connection: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    let (head, length) = loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"))?;
            break (head + 4, length.trim().parse::<usize>().ok()?);
        }
        let count = connection.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
    };
    while bytes.len() < head + length {
        let count = connection.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
    }
    parse_call(std::str::from_utf8(&bytes[head..]).ok()?)
}

/// The keyword and arguments of a request's body.
pub(crate) fn parse_call(body: &str) -> Option<Call> {
    let document = roxmltree::Document::parse(body).ok()?;
    let mut strings = document
        .descendants()
        .filter(|node| node.has_tag_name("string"))
        .map(|node| node.text().unwrap_or_default().to_owned());
    Some(Call {
        keyword: strings.next()?,
        arguments: strings.collect(),
    })
}

/// The body of an answer, byte for byte as Renode's serializer formats it.
pub(crate) fn render(reply: &Reply) -> String {
    let (members, fault) = match reply {
        Reply::Pass(value) => (vec![("return", string(value)), ("status", string("PASS"))], false),
        Reply::Fail(error, traceback) => (
            vec![
                ("status", string("FAIL")),
                ("error", string(error)),
                ("traceback", string(traceback)),
            ],
            false,
        ),
        Reply::Fault(code, text) => (
            vec![("faultCode", format!("<i4>{code}</i4>")), ("faultString", string(text))],
            true,
        ),
    };
    let indent = if fault { "      " } else { "        " };
    let mut body = String::from("<?xml version=\"1.0\"?>\n<methodResponse>\n");
    body.push_str(if fault {
        "  <fault>\n    <value>\n"
    } else {
        "  <params>\n    <param>\n      <value>\n"
    });
    body.push_str(&format!("{indent}<struct>\n"));
    for (name, value) in members {
        body.push_str(&format!(
            "{indent}  <member>\n{indent}    <name>{name}</name>\n{indent}    <value>\n{indent}      {value}\n{indent}    </value>\n{indent}  </member>\n"
        ));
    }
    body.push_str(&format!("{indent}</struct>\n"));
    body.push_str(if fault {
        "    </value>\n  </fault>\n"
    } else {
        "      </value>\n    </param>\n  </params>\n"
    });
    body.push_str("</methodResponse>");
    body
}

fn string(text: &str) -> String {
    if text.is_empty() {
        return "<string />".to_owned();
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<string>{text}</string>")
}

fn head(length: usize) -> String {
    format!(
        "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\nServer: Mono-HTTPAPI/1.0\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

pub(crate) fn send(connection: &mut TcpStream, body: &str) {
    send_raw(connection, format!("{}{body}", head(body.len())).as_bytes());
}

/// Half of the answer; the connection stays open.
pub(crate) fn send_half(connection: &mut TcpStream, body: &str) {
    send_raw(
        connection,
        format!("{}{}", head(body.len()), &body[..body.len() / 2]).as_bytes(),
    );
}

/// The caller may have gone.
pub(crate) fn send_raw(connection: &mut TcpStream, bytes: &[u8]) {
    let _ = connection.write_all(bytes);
}
