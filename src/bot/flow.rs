//! The flow bot: a graph of steps that a conversation walks through, one question at a time.
//!
//! A definition is read and checked whole when it is compiled (`compile`, `shape`), so that what runs
//! cannot go wrong in its form. A turn is a pure function of the graph, the position, the variables,
//! the message and its time (`run`); only calls to HTTP endpoints (`calls`) leave it, here. Where a
//! conversation stands is one text, `step` or `step#2` after two answers that were none.

mod answers;
mod calls;
mod compile;
mod dates;
mod demo;
mod graph;
mod locale;
mod numbers;
mod run;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::Instant;

use self::graph::Graph;
use self::run::{Action, Pause, Run};
use super::faults::Faults;
use super::{BotAction, Error, Turn, faq};
use crate::domain::bot::flow::Definition;
use crate::domain::language::Language;
use crate::outside::Outside;

pub use self::demo::demo;

/// What all calls of a turn may take: a bot must not be silent for longer.
const CALLS_TIMEOUT: Duration = Duration::from_secs(28);

/// A flow that is ready to answer.
#[derive(Debug)]
pub struct Flow {
    graph: Arc<Graph>,
}

impl Flow {
    /// Makes a flow of its definition.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(definition: &Definition) -> Result<Self, Faults> {
        Ok(Self { graph: Arc::new(compile::compile(definition)?) })
    }

    pub fn name(&self) -> &str {
        &self.graph.name
    }

    pub fn default_language(&self) -> Language {
        self.graph.language
    }

    /// The pause between the pieces of a streamed reply.
    pub(super) fn pace(&self) -> Duration {
        Duration::from_millis(self.graph.pace_ms)
    }

    /// The language it says a turn's texts in.
    pub(super) fn language_for(&self, turn: &Turn<'_>) -> Language {
        self.graph.language_for(turn)
    }

    /// One turn, as it is made.
    pub(super) fn answer(
        &self,
        turn: &Turn<'_>,
        outside: &Outside,
    ) -> BoxStream<'static, Result<BotAction, Error>> {
        let mut run = Run::new(self.graph.clone(), turn);
        let background = turn.background;
        let (mut actions, mut pause) =
            run.start(background.position.as_deref(), turn.text, &background.attachments);
        let (graph, outside) = (self.graph.clone(), outside.clone());
        async_stream::stream! {
            let mut left = CALLS_TIMEOUT;
            loop {
                // First, so that who stops the texts is still where they lead.
                if let Pause::Wait(position) = &pause {
                    yield Ok(BotAction::Position(position.clone()));
                }
                for action in actions {
                    match action {
                        Action::Text(text) => {
                            for piece in faq::pieces(&text) {
                                yield Ok(BotAction::Text(piece.to_owned()));
                            }
                        }
                        Action::Buttons(labels) => yield Ok(BotAction::Buttons(labels)),
                        Action::Set { name, value } => yield Ok(BotAction::Variable { name, value }),
                        Action::Intent(intent) => yield Ok(BotAction::Intent(intent)),
                    }
                }
                (actions, pause) = match pause {
                    Pause::Wait(_) => return,
                    Pause::HandOver => {
                        yield Ok(BotAction::HandOver);
                        return;
                    }
                    Pause::Over { resolve } => {
                        if resolve {
                            yield Ok(BotAction::Resolve);
                        }
                        return;
                    }
                    Pause::Call(place, request) => {
                        let began = Instant::now();
                        let answer = match request {
                            Ok(request) => calls::send(&outside, *request, left).await,
                            Err(error) => Err(error),
                        };
                        left = left.saturating_sub(began.elapsed());
                        if let Err(error) = &answer {
                            let step = graph.nodes.get(place).map(|node| node.id.as_str());
                            tracing::warn!(%error, step, "a call of a flow failed");
                        }
                        run.resume(place, answer.as_ref().ok())
                    }
                };
            }
        }
        .boxed()
    }
}
