//! temporary
use super::App;
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::ids::AccountId;
pub use crate::live::cursor::Cursor;
pub struct Page {
    pub conversations: Vec<Conversation>,
    pub next: Option<Cursor>,
}
pub async fn list(_: &App, _: AccountId, _: Option<Cursor>, _: usize) -> Result<Page> {
    Ok(Page { conversations: vec![], next: None })
}
