//! Which methods each path of a document allows, for the `Allow` header of a 405 (RFC 9110,
//! 15.5.6), which poem does not send.

use serde_json::Value;

/// Paths of one document with their methods.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    rows: Vec<(Vec<String>, &'static str)>,
}

impl Table {
    /// Reads the paths of an OpenAPI document. Meant for start-up: what it makes lives as long as
    /// the process.
    pub(super) fn of_document(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let paths = document["paths"].as_object().cloned().unwrap_or_default();
        let rows = paths.into_iter().filter_map(|(path, item)| {
            let methods = item.as_object()?.keys();
            let mut methods: Vec<_> = methods.map(|method| method.to_uppercase()).collect();
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            let allow: &'static str = methods.join(", ").leak();
            Some((segments(&path), allow))
        });
        Self { rows: rows.collect() }
    }

    /// The methods a path allows.
    pub(super) fn methods(&self, path: &str) -> &'static str {
        let asked = segments(path);
        let matches = |row: &[String]| {
            row.len() == asked.len()
                && row.iter().zip(&asked).all(|(own, asked)| own.starts_with('{') || own == asked)
        };
        self.rows.iter().find(|(row, _)| matches(row)).map_or("GET, HEAD", |(_, allow)| allow)
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
