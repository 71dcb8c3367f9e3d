//! Histories against a disk that forgets, and damage of every kind.

mod beside;
mod damage;
mod histories;
mod sim;
