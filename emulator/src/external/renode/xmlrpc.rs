//! The part of XML-RPC that the robot server uses: calls with strings and lists of strings, answers that are a struct
//! of strings, or a fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use roxmltree::{Document, Node, ParsingOptions};

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// `status` is `PASS`.
    Pass {
        /// The keyword's result, as text.
        value: String,
    },
    /// `status` is `FAIL`.
    Fail {
        /// Why, as the keyword says it.
        error: String,
    },
    /// There is no such method or keyword.
    Fault {
        /// The fault's code.
        code: i64,
        /// Its message.
        text: String,
    },
}

/// The answer is no XML-RPC of the robot server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no XML-RPC ({0})")]
pub(super) struct Nonsense(String);

/// The body that runs `keyword` with `arguments`.
pub(super) fn run_keyword(keyword: &str, arguments: &[&str]) -> String {
    let mut body = String::from(
        r#"<?xml version="1.0"?><methodCall><methodName>run_keyword</methodName><params><param><value><string>"#,
    );
    escape(&mut body, keyword);
    body.push_str("</string></value></param><param><value><array><data>");
    for argument in arguments {
        body.push_str("<value><string>");
        escape(&mut body, argument);
        body.push_str("</string></value>");
    }
    body.push_str("</data></array></value></param></params></methodCall>");
    body
}

fn escape(body: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => body.push_str("&amp;"),
            '<' => body.push_str("&lt;"),
            '>' => body.push_str("&gt;"),
            // Not a character of XML 1.0: it would make the whole call unreadable.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => body.push('\u{fffd}'),
            // A parser would make a newline of it.
            '\r' => {
                let _ = write!(body, "&#{};", character as u32);
            }
            _ => body.push(character),
        }
    }
}

/// Reads the answer to a `run_keyword`.
pub(super) fn answer(body: &str) -> Result<Answer, Nonsense> {
    // No document type: it is not needed, and entities could grow without limit.
    let options = ParsingOptions {
        nodes_limit: 100_000,
        ..ParsingOptions::default()
    };
    // Renode ends its lines with `\r\n\r` or `\r\r\n`, bare; a parser would make two newlines of each.
    let kept = match body.trim_end().split_once("<methodResponse") {
        Some((head, rest)) => format!("{head}<methodResponse{}", rest.replace('\r', "&#13;")),
        None => body.to_owned(),
    };
    let document = Document::parse_with_options(&kept, options).map_err(|error| Nonsense(error.to_string()))?;
    let response = document.root_element();
    if let Some(fault) = child(response, "fault") {
        let mut members = members(fault)?;
        let code = members.remove("faultCode").unwrap_or_default();
        return Ok(Answer::Fault {
            code: code.parse().map_err(|_| missing("faultCode"))?,
            text: members.remove("faultString").ok_or_else(|| missing("faultString"))?,
        });
    }
    let param = child(response, "params").and_then(|params| child(params, "param"));
    let mut members = members(param.ok_or_else(|| missing("params"))?)?;
    match members.remove("status").as_deref() {
        Some("PASS") => Ok(Answer::Pass {
            value: members.remove("return").unwrap_or_default(),
        }),
        Some("FAIL") => Ok(Answer::Fail {
            error: members.remove("error").ok_or_else(|| missing("error"))?,
        }),
        _ => Err(missing("status")),
    }
}

/// The members of the struct in `parent`'s value, as text.
fn members(parent: Node<'_, '_>) -> Result<BTreeMap<String, String>, Nonsense> {
    let value = child(parent, "value").and_then(|value| child(value, "struct"));
    let value = value.ok_or_else(|| missing("struct"))?;
    let members = value.children().filter(|node| node.has_tag_name("member"));
    members
        .map(|member| {
            let name = child(member, "name").and_then(|name| name.text());
            let name = name.ok_or_else(|| missing("name"))?.trim().to_owned();
            let value = child(member, "value").ok_or_else(|| missing("value"))?;
            // A value without a type element is a string.
            let typed = value.children().find(Node::is_element).unwrap_or(value);
            Ok((name, text(typed)))
        })
        .collect()
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter(Node::is_text)
        .filter_map(|node| node.text())
        .collect()
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn missing(what: &str) -> Nonsense {
    Nonsense(format!("no {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_lines_are_as_they_were_sent() {
        let sent = "Available peripherals:\r\n\r\r\n\r  sysbus (SystemBus)\r\n\r";
        let body = format!(
            "<?xml version=\"1.0\"?>\r\n<methodResponse>\r\n<params><param><value><struct>\r\n\
             <member><name>return</name><value><string>{sent}</string></value></member>\r\n\
             <member><name>status</name><value><string>PASS</string></value></member>\
             </struct></value></param></params></methodResponse>\r\n"
        );
        assert_eq!(answer(&body), Ok(Answer::Pass { value: sent.into() }));
    }

    #[test]
    fn a_call_is_what_was_recorded() {
        assert_eq!(
            run_keyword("ExecuteCommand", &["version"]),
            "<?xml version=\"1.0\"?><methodCall><methodName>run_keyword</methodName><params><param><value><string>\
             ExecuteCommand</string></value></param><param><value><array><data><value><string>version</string></value>\
             </data></array></value></param></params></methodCall>"
        );
        assert!(run_keyword("ExecuteCommand", &["a < \"b\" & c\r\u{1}"]).contains("a &lt; \"b\" &amp; c&#13;\u{fffd}"));
    }

    #[test]
    fn recorded_conversations_are_read() {
        #[derive(serde::Deserialize)]
        struct Recorded {
            request: String,
            response: String,
        }
        let recorded = include_str!("../../../tests/renode/recorded/xmlrpc.jsonl");
        let mut answers = Vec::new();
        for line in recorded.lines() {
            let Recorded { request, response } = serde_json::from_str(line).unwrap();
            if let Some((_, rest)) = request.split_once("ExecuteCommand</string>") {
                let command = rest.split_once("<data><value><string>").unwrap().1;
                let command = command.split_once("</string>").unwrap().0;
                assert_eq!(run_keyword("ExecuteCommand", &[command]), request);
                answers.push((command.to_owned(), answer(&response).unwrap()));
            } else if request.contains("run_keyword") && !request.contains("StopRemoteServer") {
                assert!(matches!(answer(&response), Ok(Answer::Fault { code: 1, .. })));
            }
        }
        assert_eq!(answers.len(), 39);
        let find = |command: &str| &answers.iter().find(|(known, _)| known == command).unwrap().1;
        let value = "0x0000000000989680\r\r\n".to_owned();
        assert_eq!(*find("sysbus.cpu ExecutedInstructions"), Answer::Pass { value });
        let Answer::Fail { error } = find("bogus x") else {
            panic!("it was refused");
        };
        assert!(error.ends_with("No such command or device: bogus\n"));
        let Answer::Pass { value } = find("peripherals") else {
            panic!("it was done");
        };
        let there = crate::external::renode::values::peripherals(value);
        assert!(
            there.contains(&"usart2") && there.contains(&"UserLED") && there.contains(&"phy1"),
            "{there:?}"
        );
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        for body in [
            "",
            "hello",
            "<methodResponse/>",
            "<methodResponse><params><param><value><struct/></value></param></params></methodResponse>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>",
            "<methodResponse><fault><value><struct/></value></fault></methodResponse>",
        ] {
            assert!(answer(body).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(body in ".{0,200}") {
            let _ = answer(&body);
        }

        #[test]
        fn any_value_comes_back(value in "[ -~äß→\n]{0,40}") {
            let mut escaped = String::new();
            escape(&mut escaped, &value);
            let body = format!(
                "<methodResponse><params><param><value><struct><member><name>return</name><value><string>{escaped}</string>\
                 </value></member><member><name>status</name><value><string>PASS</string></value></member></struct></value>\
                 </param></params></methodResponse>"
            );
            prop_assert_eq!(answer(&body), Ok(Answer::Pass { value }));
        }
    }
}
