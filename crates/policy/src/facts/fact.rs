//! What a fact is, and the form in which the table of facts is written.

use cedar_policy::RestrictedExpression;
use lazaret_model::Known;
use std::collections::BTreeSet;

/// Where a fact stands in what policies are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// About the person.
    Principal,
    /// About the file or the part of it.
    Resource,
    /// About how it comes.
    Context,
    /// About the site, where one is known.
    Site,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Principal, Self::Resource, Self::Context, Self::Site];

    /// How policies begin to ask for what stands there.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Resource => "resource",
            Self::Context => "context",
            Self::Site => "context.site",
        }
    }
}

/// The type of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactType {
    /// A string.
    Text,
    /// An integer.
    Number,
    /// A Boolean.
    Truth,
    /// A set of strings.
    Texts,
    /// What is known about a site.
    Site,
}

impl FactType {
    /// What Cedar calls it.
    pub const fn cedar(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Number => "Long",
            Self::Truth => "Bool",
            Self::Texts => "Set<String>",
            Self::Site => "Site",
        }
    }
}

/// One row of the table of facts.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    /// Where it belongs in a request.
    pub place: Place,
    /// Its name there.
    pub name: &'static str,
    /// Its type.
    pub kind: FactType,
    /// It may be absent: policies ask with `has` whether it is there.
    pub optional: bool,
    /// From when on it is known. A policy that speaks of it is not asked before.
    pub known: Known,
    /// The unit of a number.
    pub unit: Option<&'static str>,
    /// It differs from file to file or from site to site. Decisions are remembered without it where no policy speaks of it.
    pub varies: bool,
    /// It follows from another fact, and is not kept.
    pub follows: bool,
    pub(super) lines: &'static str,
    pub(super) usual: fn() -> String,
}

impl Fact {
    /// What it means, in a sentence.
    pub fn meaning(&self) -> &'static str {
        self.lines.trim()
    }

    /// What policies are told where nobody knows it, as Cedar writes it; `absent` for nothing.
    pub fn usual(&self) -> String {
        (self.usual)()
    }

    /// How a policy asks for it.
    pub fn path(&self) -> String {
        match (self.place, self.kind) {
            (Place::Principal, FactType::Texts) => "principal in Lazaret::Group::\"…\"".to_owned(),
            (Place::Principal, _) => "principal == Lazaret::Person::\"…\"".to_owned(),
            (place, _) => format!("{}.{}", place.name(), self.name),
        }
    }
}

/// A value that policies can be told.
pub(super) trait Told {
    /// The type that it has in policies.
    const KIND: FactType;
    /// Whether it may be absent.
    const OPTIONAL: bool = false;

    /// The value for Cedar; nothing where it is absent.
    fn told(&self) -> Option<RestrictedExpression>;

    /// The value as Cedar writes it.
    fn written(&self) -> String;
}

impl Told for String {
    const KIND: FactType = FactType::Text;

    fn told(&self) -> Option<RestrictedExpression> {
        Some(RestrictedExpression::new_string(self.clone()))
    }

    fn written(&self) -> String {
        format!("\"{}\"", self.escape_debug())
    }
}

impl Told for bool {
    const KIND: FactType = FactType::Truth;

    fn told(&self) -> Option<RestrictedExpression> {
        Some(RestrictedExpression::new_bool(*self))
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

impl Told for u64 {
    const KIND: FactType = FactType::Number;

    fn told(&self) -> Option<RestrictedExpression> {
        Some(RestrictedExpression::new_long(i64::try_from(*self).unwrap_or(i64::MAX)))
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

impl Told for u32 {
    const KIND: FactType = FactType::Number;

    fn told(&self) -> Option<RestrictedExpression> {
        Some(RestrictedExpression::new_long(i64::from(*self)))
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

impl Told for BTreeSet<String> {
    const KIND: FactType = FactType::Texts;

    fn told(&self) -> Option<RestrictedExpression> {
        let items = self.iter().map(|item| RestrictedExpression::new_string(item.clone()));
        Some(RestrictedExpression::new_set(items))
    }

    fn written(&self) -> String {
        let items: Vec<_> = self.iter().map(Told::written).collect();
        format!("[{}]", items.join(", "))
    }
}

impl Told for Option<u64> {
    const KIND: FactType = FactType::Number;
    const OPTIONAL: bool = true;

    fn told(&self) -> Option<RestrictedExpression> {
        self.as_ref().and_then(Told::told)
    }

    fn written(&self) -> String {
        self.as_ref().map_or_else(|| ABSENT.to_owned(), Told::written)
    }
}

/// What stands for a fact that is not there.
pub(super) const ABSENT: &str = "absent";

/// Declares facts: a struct with a field for each, their rows of the table, and what builds a request of them, so that no fact can be
/// told under another name or be forgotten.
///
/// ```text
/// facts! {
///     /// What policies are told about something.
///     pub struct Facts {
///         /// What it means, in a sentence.
///         Resource size: u64 = 0, Inspection, unit "bytes", by file, or "if it were empty" => 0;
///     }
///     /// What it means.
///     told Context is_large: bool, Inspection;
/// }
/// ```
///
/// A row is: where it stands, its name, its type, what is told where nobody knows it, and when it is known. `unit` says what a number
/// counts, `by` from what to what it differs, `or` what is said in explanations where another value alone would change a decision.
/// `told` is what follows from others: the method of that name says it.
macro_rules! facts {
    (@some) => { None };
    (@some $value:expr) => { Some($value) };
    (@given) => { false };
    (@given $by:ident) => { true };
    (@first $first:expr, $by:ident) => { $first };
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $(
                $(#[doc = $line:literal])+
                $place:ident $field:ident: $kind:ty = $usual:expr, $known:ident
                $(, unit $unit:expr)? $(, by $by:ident)? $(, or $words:expr => $other:expr)?;
            )+
        }
        $(
            $(#[doc = $told_line:literal])+
            told $told_place:ident $told:ident: $told_kind:ty, $told_known:ident;
        )*
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $line])+ pub $field: $kind,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $usual,)+ }
            }
        }

        impl $name {
            /// The rows of the table of facts that are about it.
            pub const FACTS: &'static [Fact] = &[
                $(Fact {
                    place: Place::$place,
                    name: stringify!($field),
                    kind: <$kind as Told>::KIND,
                    optional: <$kind as Told>::OPTIONAL,
                    known: Known::$known,
                    unit: facts!(@some $($unit)?),
                    varies: facts!(@given $($by)?),
                    follows: false,
                    lines: concat!($($line),+),
                    usual: || <$kind as Told>::written(&$usual),
                },)+
                $(Fact {
                    place: Place::$told_place,
                    name: stringify!($told),
                    kind: <$told_kind as Told>::KIND,
                    optional: <$told_kind as Told>::OPTIONAL,
                    known: Known::$told_known,
                    unit: None,
                    varies: false,
                    follows: true,
                    lines: concat!($($told_line),+),
                    usual: || <$told_kind as Told>::written(&Self::default().$told()),
                },)*
            ];

            /// What is said where another value of one of them alone would change a decision, and how to give it that.
            pub(crate) const OTHERWISE: &'static [(&'static str, fn(&mut Self))] = &[
                $($(($words, |facts| facts.$field = $other),)?)+
            ];

            /// Tells those of a place, by their names.
            pub(crate) fn tell(&self, place: Place, tell: &mut impl FnMut(&'static str, RestrictedExpression)) {
                $(
                    if place == Place::$place
                        && let Some(value) = self.$field.told()
                    {
                        tell(stringify!($field), value);
                    }
                )+
                $(
                    if place == Place::$told_place
                        && let Some(value) = self.$told().told()
                    {
                        tell(stringify!($told), value);
                    }
                )*
            }

            /// Forgets those that differ from file to file or from site to site and of which policies are silent.
            pub(crate) fn forget(&mut self, silent: &impl Fn(&str) -> bool) {
                $($(
                    if silent(facts!(@first stringify!($field), $by)) {
                        self.$field = $usual;
                    }
                )?)+
            }

            /// One of them by its name, as Cedar writes it.
            pub(crate) fn written(&self, name: &str) -> Option<String> {
                $(
                    if name == stringify!($field) {
                        return Some(Told::written(&self.$field));
                    }
                )+
                $(
                    if name == stringify!($told) {
                        return Some(Told::written(&self.$told()));
                    }
                )*
                None
            }
        }
    };
}
pub(super) use facts;
