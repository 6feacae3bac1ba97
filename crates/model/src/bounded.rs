//! Lists that speak when they are full.

/// A list of at most so many items, which knows whether there were more. Whoever keeps one passes [`Bounded::overflow`] on: what
/// was not looked at makes a part incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded<T> {
    items: Vec<T>,
    most: usize,
    what: &'static str,
    refused: bool,
}

impl<T> Bounded<T> {
    /// An empty list of at most `most` items; `what` is their name in the plural.
    pub const fn new(what: &'static str, most: usize) -> Self {
        Self { items: Vec::new(), most, what, refused: false }
    }

    /// Adds an item; returns whether there was room for it.
    pub fn push(&mut self, item: T) -> bool {
        if self.items.len() < self.most {
            self.items.push(item);
            return true;
        }
        self.refused = true;
        false
    }

    /// Why the list is incomplete; `None` if it is complete.
    pub fn overflow(&self) -> Option<String> {
        self.refused.then(|| format!("it has more than {} {}, and only so many are looked at", self.most, self.what))
    }

    /// The items.
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items, and why they are incomplete.
    pub fn into_parts(self) -> (Vec<T>, Option<String>) {
        let overflow = self.overflow();
        (self.items, overflow)
    }
}

impl<T: PartialEq> Bounded<T> {
    /// Whether the item is there.
    pub fn contains(&self, item: &T) -> bool {
        self.items.contains(item)
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn a_full_list_says_that_there_was_more() {
        let mut list = Bounded::new("links", 2);
        assert!(list.push(1) && list.push(2));
        assert_eq!(list.overflow(), None);
        assert!(!list.push(3) && list.contains(&2) && !list.is_empty());
        let (items, overflow) = list.into_parts();
        assert_eq!(items, [1, 2]);
        assert_eq!(overflow.as_deref(), Some("it has more than 2 links, and only so many are looked at"));
    }
}
