//! The widget (seed 003) through the front door: the page's own examples, then what it promises.
//!
//! The operations covered are `get_widget_config`, `create_widget_conversation`,
//! `list_widget_messages`, `send_widget_reply`, `download_widget_file` and `upload_widget_file`.

mod creating;
mod files;
mod limits;
mod messages;
mod origins;
mod replying;
mod stage;
