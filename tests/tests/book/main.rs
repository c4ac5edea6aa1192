//! The book, `README.md` and `docs/`: its commands run or say that they are not tested, its links lead somewhere, and what it calls
//! commands, settings and alerts are some.

mod alerts;
mod commands;
mod console;
mod credentials;
mod everything;
mod figures;
mod first_event;
mod installing;
mod leaks;
mod links;
mod marks;
mod ninety_days;
mod reader;
mod secrets;
