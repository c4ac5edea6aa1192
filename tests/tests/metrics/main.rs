//! Metrics, as whoever scrapes them sees them: what is counted after known traffic, by which process, at which address, and that the
//! documents and files for operators name what there is.

mod addresses;
mod counts;
mod documents;
mod labels;
mod scrape;
mod totals;
