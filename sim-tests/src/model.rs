//! What may happen, worked out from the script and the documents alone: nothing here asks the proxy or shares a line
//! with it. The laws compare what did happen with this.

pub(crate) mod heads;
pub(crate) mod limits;
pub(crate) mod routes;
pub(crate) mod table;
pub(crate) mod verdict;
