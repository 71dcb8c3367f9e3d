//! The contract in `src/engine.rs`, a function for each sentence, held against every engine.
//!
//! Another engine is held to it by a [`place::Place`] of its own and one line below.

mod accounts;
mod appending;
mod beside;
mod concurrency;
#[cfg(feature = "cluster")]
mod cql;
mod following;
mod messages;
mod observing;
mod place;
mod reading;
mod rebuilding;
#[cfg(feature = "cluster")]
mod relaying;
mod reopening;
pub mod samples;
#[cfg(feature = "cluster")]
mod search;
pub mod toy;
mod views;
mod writer;

macro_rules! sentences {
    ($place:ty; $($module:ident: $($sentence:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                crate::engines::$module::$sentence::<$place>().await;
            }
        )+)+
    };
}

macro_rules! contract {
    ($engine:ident, $place:ty) => {
        mod $engine {
            sentences! { $place;
                appending:
                    an_append_has_a_result_for_each_event_in_order,
                    what_was_appended_is_read_at_once,
                    a_reply_after_a_takeover_is_recorded_and_shown_to_nobody,
                    an_append_that_is_no_longer_awaited_is_written_all_the_same,
                    an_append_of_nothing_is_nothing,
                    administration_is_a_log_of_its_own;
                concurrency:
                    appends_from_many_tasks_are_all_there_once_and_in_their_order,
                    the_events_of_an_append_stand_together;
                observing:
                    observers_are_told_in_the_order_of_the_log,
                    observers_are_told_what_can_be_read_already;
                reading:
                    the_log_is_paged_from_anywhere,
                    the_end_is_the_position_of_the_last_event,
                    what_is_beyond_the_end_or_nowhere_is_empty,
                    a_timeline_is_paged_from_anywhere,
                    a_timeline_is_paged_backwards_from_anywhere;
                messages:
                    any_page_of_messages_is_the_slice_of_all,
                    a_page_deep_in_ten_thousand_messages_is_the_slice_of_all;
                views:
                    a_used_key_is_found_until_it_expires,
                    a_key_that_is_used_again_is_kept_as_long_as_its_last_use,
                    of_messages_under_one_key_the_log_s_first_stands,
                    a_turn_is_due_until_it_is_answered,
                    turns_that_are_due_are_paged_in_order,
                    totals_count_what_was_applied,
                    conversations_are_listed_newest_first_from_anywhere,
                    a_conversation_is_listed_until_it_is_deleted,
                    states_are_the_fold_of_the_log;
                toy:
                    a_row_stands_until_it_is_taken_away,
                    rows_are_paged_both_ways_from_anywhere,
                    rows_are_there_after_closing,
                    a_row_is_kept_for_its_time,
                    an_aggregate_is_folded_and_kept;
                following:
                    what_was_applied_is_handed_out_in_order_and_nothing_else,
                    a_place_is_kept_and_never_goes_back,
                    a_follower_is_given_everything_in_order_whatever_fails,
                    a_follower_goes_on_from_its_stored_place;
                accounts:
                    nothing_of_one_account_is_found_by_another,
                    one_id_in_two_accounts_is_two_conversations;
                reopening:
                    everything_is_there_after_closing,
                    everything_is_there_after_dropping,
                    positions_go_on_after_reopening,
                    a_closed_engine_takes_no_writes_and_says_so,
                    closing_finishes_what_waits,
                    closing_gives_everything_back;
            }
        }
    };
}

contract!(embedded, crate::engines::place::Directory);
#[cfg(feature = "cluster")]
contract!(cluster, crate::engines::place::Keyspace);
