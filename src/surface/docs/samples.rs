//! How an operation is called from a shell, from Python and from JavaScript: `x-codeSamples`, made
//! from its document and its example. They are what one copies; a test runs them all.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::document::Example;

/// Where samples look for a server: where `parlor serve` listens.
const ORIGIN: &str = "http://127.0.0.1:8080";
/// Longer JSON takes more than one line.
const ONE_LINE: usize = 60;

/// How an operation is called.
pub(super) struct Call<'a> {
    method: String,
    path: &'a str,
    /// A header's name, what stands before the key in it, and the variable that holds the key.
    credential: Option<(String, &'static str, &'a str)>,
    form: bool,
    stream: bool,
    /// What comes back is JSON.
    json: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        method: &str,
        path: &'a str,
        operation: &Value,
        schemes: &Value,
        key: &'a str,
    ) -> Self {
        let scheme = operation.pointer("/security/0").and_then(Value::as_object);
        let scheme = scheme.and_then(|first| first.keys().next()).map(|name| &schemes[name]);
        let credential = scheme.map(|scheme| match scheme["name"].as_str() {
            Some(header) => (header.to_owned(), "", key),
            None => ("Authorization".to_owned(), "Bearer ", key),
        });
        let answers = |media: &str| {
            let responses = operation["responses"].as_object().into_iter().flatten();
            let mut good = responses.filter(|(status, _)| status.starts_with('2'));
            good.any(|(_, response)| response["content"].get(media).is_some())
        };
        Self {
            method: method.to_uppercase(),
            path,
            credential,
            form: operation.pointer("/requestBody/content/multipart~1form-data").is_some(),
            stream: answers("text/event-stream"),
            json: answers("application/json"),
        }
    }

    /// The samples, as the extension wants them.
    pub(super) fn samples(&self, example: &Example) -> Value {
        json!([
            { "lang": "Shell", "label": "curl", "source": self.curl(example) },
            { "lang": "Python", "label": "Python", "source": self.python(example) },
            { "lang": "JavaScript", "label": "JavaScript", "source": self.javascript(example) },
        ])
    }

    fn url(&self, example: &Example) -> String {
        let plain = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let path = example.path.iter().fold(self.path.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), &plain(value))
        });
        let pair = |(name, value)| format!("{name}={}", utf8_percent_encode(&plain(value), QUERY));
        let query: Vec<_> = example.query.iter().map(pair).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{ORIGIN}{path}{query}")
    }

    fn curl(&self, example: &Example) -> String {
        let mut first = "curl".to_owned();
        if self.stream {
            first.push_str(" -N");
        }
        if !matches!((self.method.as_str(), &example.request), ("GET", _) | ("POST", Some(_))) {
            first.push_str(&format!(" -X {}", self.method));
        }
        let mut lines = vec![format!("{first} \"{}\"", self.url(example))];
        if let Some((header, before, key)) = &self.credential {
            lines.push(format!("-H \"{header}: {before}${key}\""));
        }
        match &example.request {
            Some(Value::Object(fields)) if self.form => {
                let quoted = |(name, value)| {
                    format!("-F {}", in_quotes(&format!("{name}={}", text_of(value))))
                };
                lines.extend(fields.iter().map(quoted));
            }
            Some(body) => {
                lines.push("-H \"Content-Type: application/json\"".to_owned());
                lines.push(format!("-d {}", in_quotes(&written(body, ""))));
            }
            None => {}
        }
        if let Some(name) = &example.saved {
            lines.push(format!("-o {name}"));
        }
        lines.join(" \\\n  ")
    }

    fn python(&self, example: &Example) -> String {
        let mut arguments = vec![format!("\"{}\"", self.url(example))];
        let key = self.credential.as_ref().map(|(header, before, key)| {
            let from = format!("os.environ[\"{key}\"]");
            let value = if before.is_empty() { from } else { format!("\"{before}\" + {from}") };
            format!("headers={{\"{header}\": {value}}}")
        });
        arguments.extend(key);
        match &example.request {
            Some(Value::Object(fields)) if self.form => {
                let field =
                    |(name, value): (&String, &Value)| match text_of(value).strip_prefix('@') {
                        Some(file) => format!("        \"{name}\": open(\"{file}\", \"rb\"),\n"),
                        None => format!("        \"{name}\": (None, {value}),\n"),
                    };
                let fields: String = fields.iter().map(field).collect();
                arguments.push(format!("files={{\n{fields}    }}"));
            }
            Some(body) => arguments.push(format!("json={}", in_python(body, "    "))),
            None => {}
        }
        if self.stream {
            arguments.push("stream=True".to_owned());
        }
        arguments.push("timeout=60".to_owned());
        let method = self.method.to_lowercase();
        let call = format!("requests.{method}(\n    {},\n)", arguments.join(",\n    "));
        let end = if self.stream {
            "for line in response.iter_lines():\n    print(line.decode())".to_owned()
        } else if let Some(name) = &example.saved {
            format!("with open(\"{name}\", \"wb\") as file:\n    file.write(response.content)")
        } else if self.json {
            "print(response.json())".to_owned()
        } else {
            "print(response.status_code)".to_owned()
        };
        let import = if self.credential.is_some() { "import os\n\n" } else { "" };
        format!("{import}import requests\n\nresponse = {call}\nresponse.raise_for_status()\n{end}")
    }

    fn javascript(&self, example: &Example) -> String {
        let mut imports = String::new();
        let mut before = String::new();
        let mut options = Vec::new();
        if self.method != "GET" {
            options.push(format!("method: \"{}\"", self.method));
        }
        let mut headers = Vec::new();
        if let Some((header, before, key)) = &self.credential {
            let value = format!("process.env.{key}");
            let value = if before.is_empty() { value } else { format!("`{before}${{{value}}}`") };
            headers.push(format!("\"{header}\": {value}"));
        }
        match &example.request {
            Some(Value::Object(fields)) if self.form => {
                before.push_str("const form = new FormData();\n");
                for (name, value) in fields {
                    let line = match text_of(value).strip_prefix('@') {
                        Some(file) => {
                            // `openAsBlob` is not there in Node 18.
                            imports =
                                "import { readFile } from \"node:fs/promises\";\n\n".to_owned();
                            format!("new Blob([await readFile(\"{file}\")]), \"{file}\"")
                        }
                        None => value.to_string(),
                    };
                    before.push_str(&format!("form.append(\"{name}\", {line});\n"));
                }
                before.push('\n');
                options.push("body: form".to_owned());
            }
            Some(body) => {
                headers.push("\"Content-Type\": \"application/json\"".to_owned());
                options.push(format!("body: JSON.stringify({})", written(body, "  ")));
            }
            None => {}
        }
        if !headers.is_empty() {
            let place = usize::from(self.method != "GET");
            options.insert(place, format!("headers: {{ {} }}", headers.join(", ")));
        }
        let options = match options.as_slice() {
            [] => String::new(),
            options => format!(", {{\n  {},\n}}", options.join(",\n  ")),
        };
        let end = if self.stream {
            "for await (const text of response.body.pipeThrough(new TextDecoderStream())) {\n  \
             process.stdout.write(text);\n}"
                .to_owned()
        } else if let Some(name) = &example.saved {
            imports = "import { writeFile } from \"node:fs/promises\";\n\n".to_owned();
            format!("await writeFile(\"{name}\", Buffer.from(await response.arrayBuffer()));")
        } else if self.json {
            "console.log(await response.json());".to_owned()
        } else {
            "console.log(response.status);".to_owned()
        };
        format!(
            "{imports}{before}const response = await fetch(\"{}\"{options});\n\
             if (!response.ok) throw new Error(`${{response.status}}: ${{await response.text()}}`);\n\
             {end}",
            self.url(example)
        )
    }
}

/// What is not spelled out in a query.
const QUERY: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// JSON on one line where it is short, else over several that begin with `indent`.
fn written(value: &Value, indent: &str) -> String {
    let short = value.to_string();
    if short.len() <= ONE_LINE {
        return short;
    }
    let long = serde_json::to_string_pretty(value).unwrap_or_default();
    long.replace('\n', &format!("\n{indent}"))
}

/// As one word of a shell.
fn in_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// JSON as a literal of Python's.
fn in_python(value: &Value, indent: &str) -> String {
    if value.to_string().len() <= ONE_LINE {
        return match value {
            Value::Null => "None".to_owned(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            Value::Object(fields) => format!("{{{}}}", pairs(fields, indent).join(", ")),
            other => other.to_string(),
        };
    }
    match value {
        Value::Object(fields) => {
            let deeper = format!("{indent}    ");
            let pairs = pairs(fields, &deeper).join(&format!(",\n{deeper}"));
            format!("{{\n{deeper}{pairs},\n{indent}}}")
        }
        other => other.to_string(),
    }
}

fn pairs(fields: &Map<String, Value>, indent: &str) -> Vec<String> {
    let pair = |(name, value)| format!("{}: {}", json!(name), in_python(value, indent));
    fields.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_quotes_what_its_language_would_read() {
        assert_eq!(in_quotes("it's"), r"'it'\''s'");
        let value = json!({ "text": "it's", "done": true, "at": null });
        assert_eq!(in_python(&value, ""), r#"{"text": "it's", "done": True, "at": None}"#);
    }

    #[test]
    fn a_query_is_spelled_as_urls_are() {
        let operation = json!({ "responses": {} });
        let call = Call::new("get", "/x/{id}", &operation, &json!({}), "KEY");
        let example = Example {
            path: Map::from_iter([("id".to_owned(), json!(7))]),
            query: Map::from_iter([("after".to_owned(), json!("3~a&b"))]),
            ..Example::default()
        };
        assert_eq!(call.url(&example), "http://127.0.0.1:8080/x/7?after=3~a%26b");
        assert!(call.curl(&example).starts_with("curl \"http://127.0.0.1:8080/x/7?"));
    }
}
