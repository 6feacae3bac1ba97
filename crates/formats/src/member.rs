//! What an opener says about what it hands over.

use lazaret_model::Role;
use std::sync::Arc;

/// What is known about a part before its bytes are read.
#[derive(Debug, Clone)]
pub struct Member {
    pub(crate) name: String,
    pub(crate) named: bool,
    pub(crate) role: Role,
    pub(crate) kind: Option<&'static str>,
    pub(crate) declared_type: Option<String>,
    pub(crate) password: Option<Arc<str>>,
    pub(crate) incomplete: Vec<String>,
}

impl Member {
    /// A member whose name is stored in the container, exactly as stored; names may climb, lie or repeat.
    pub fn named(role: Role, name: impl Into<String>) -> Self {
        Self { name: name.into(), named: true, ..Self::unnamed(role, "") }
    }

    /// A member without a stored name; `name` is the opener's own, such as `stream` or `macro-1`.
    pub fn unnamed(role: Role, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            named: false,
            role,
            kind: None,
            declared_type: None,
            password: None,
            incomplete: Vec::new(),
        }
    }

    /// Says what the bytes are instead of having them identified, by an id of the table of kinds. For what has no
    /// form of its own: a macro module's source, a command line.
    #[must_use]
    pub fn of_kind(mut self, kind_id: &'static str) -> Self {
        self.kind = Some(kind_id);
        self
    }

    /// The media type that the container declares for it.
    #[must_use]
    pub fn declared(mut self, media_type: impl Into<String>) -> Self {
        self.declared_type = Some(media_type.into());
        self
    }

    /// The password that opened it.
    #[must_use]
    pub fn opened_with(mut self, password: Arc<str>) -> Self {
        self.password = Some(password);
        self
    }

    /// Marks it incomplete from the start, such as a file that continues in another volume.
    #[must_use]
    pub fn incomplete(mut self, reason: impl Into<String>) -> Self {
        self.incomplete.push(reason.into());
        self
    }
}
