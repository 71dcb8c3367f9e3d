//! Search on a real OpenSearch: what is found and by whom, and that nothing is lost on the way into
//! the index, whatever happens to it.

mod finding;
mod index;
mod indexing;
mod languages;
mod secured;
mod stage;
