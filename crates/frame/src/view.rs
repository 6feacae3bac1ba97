//! What a page of a room shows. The console makes a page of it: rooms know no HTML, and what they say is text.

/// What a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Its parts, from the top.
    pub sections: Vec<Section>,
}

/// A part of a page. What is empty is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// What it is called.
    pub heading: String,
    /// A paragraph.
    pub text: String,
    /// Names with what they stand for.
    pub facts: Vec<(String, String)>,
    /// The heads of a table's columns.
    pub head: Vec<String>,
    /// Its rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}
