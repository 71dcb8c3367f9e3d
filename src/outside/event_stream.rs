//! Reading server-sent events, of bounded size, however the bytes are cut.
//!
//! By hand, since the crates for it keep an event of any size in memory and read a long line again
//! with every piece of it.

use futures_util::{Stream, StreamExt};

use super::Error;
use super::body::Body;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `message` where the stream names none.
    pub name: String,
    pub data: String,
}

/// What has come of an event so far.
#[derive(Debug)]
pub struct Parser {
    max: usize,
    line: Vec<u8>,
    /// The last line ended in a carriage return: a line feed still belongs to it.
    returned: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl Parser {
    /// For events of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        let (line, name, data) = (Vec::new(), String::new(), String::new());
        Self { max, line, returned: false, name, data, has_data: false }
    }

    /// The events that are whole with these bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (line, after) = rest.split_at(length.unwrap_or(rest.len()));
            if self.line.len() + self.data.len() + line.len() > self.max {
                return Err(Error::TooLarge { max: self.max });
            }
            let returned = self.returned && line.is_empty();
            self.returned = after.first() == Some(&b'\r');
            match after.first() {
                Some(b'\n') if returned => {}
                Some(_) if self.line.is_empty() => events.extend(self.end_line(line)),
                Some(_) => {
                    let mut whole = std::mem::take(&mut self.line);
                    whole.extend_from_slice(line);
                    events.extend(self.end_line(&whole));
                }
                None => self.line.extend_from_slice(line),
            }
            rest = after.get(1..).unwrap_or_default();
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return std::mem::take(&mut self.has_data).then_some(Event { name, data });
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            _ => {}
        }
        None
    }
}

/// The events of a body, each of at most `max` bytes.
pub fn events(mut body: Body, max: usize) -> impl Stream<Item = Result<Event, Error>> + Send {
    async_stream::try_stream! {
        let mut parser = Parser::new(max);
        while let Some(piece) = body.next().await {
            for event in parser.push(&piece?)? {
                yield event;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    const STREAM: &str = "\
        : a comment\n\nretry: 3\ndata: one\n\ndata:two\r\ndata:  three\r\n\r\nevent: named\rdata\r\r\
        event: unsaid\n\ndata: caf\u{e9} \u{1f600}\n\ndata: never ended";

    fn expected() -> Vec<Event> {
        vec![
            event("message", "one"),
            event("message", "two\n three"),
            event("named", ""),
            event("message", "caf\u{e9} \u{1f600}"),
        ]
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        assert_eq!(Parser::new(100).push(STREAM.as_bytes()), Ok(expected()));
    }

    #[test]
    fn an_event_that_is_too_large_is_refused() {
        let mut parser = Parser::new(20);
        assert!(parser.push(b"data: 0123456789\n").is_ok());
        assert_eq!(parser.push(b"data: 0123456789\n"), Err(Error::TooLarge { max: 20 }));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(cuts in prop::collection::vec(0..200_usize, 0..40)) {
            let bytes = STREAM.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::new(100);
            let mut events = Vec::new();
            for pair in cuts.windows(2) {
                events.extend(parser.push(&bytes[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(events, expected());
        }

        #[test]
        fn garbage_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = Parser::new(64).push(&bytes);
        }
    }
}
