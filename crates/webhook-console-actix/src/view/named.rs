//! Something that a page names by its id: a webhook by what people call it too.

/// It, as it is shown.
pub(crate) struct Named {
    pub(crate) id: String,
    /// What people call it, if that is known and is not the id.
    pub(crate) title: Option<String>,
    /// Where it is shown, if it is and the caller may look.
    pub(crate) href: Option<String>,
}

impl Named {
    /// Something of which no more is known.
    pub(crate) fn by_id(id: impl ToString) -> Self {
        Self {
            id: id.to_string(),
            title: None,
            href: None,
        }
    }
}
