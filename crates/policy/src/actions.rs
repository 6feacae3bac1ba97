//! What policies may permit and forbid.

/// An action that policies may permit or forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// Whether any request uses it today. Unused actions are valid in policies, but have no effect.
    pub asked: bool,
    /// What it means, in a sentence.
    pub meaning: &'static str,
}

/// All actions. If neither of the first two is permitted, a file is blocked.
pub const ACTIONS: [Action; 5] = [
    Action { name: "deliver", asked: true, meaning: "Deliver it now." },
    Action { name: "hold", asked: true, meaning: "Quarantine it; the person may request it." },
    Action { name: "execute", asked: false, meaning: "Run it on a person's machine, as asked by a guard there." },
    Action {
        name: "connect",
        asked: false,
        meaning: "Let a machine connect to a site; uninspected connections are decided like files of the class `connection`.",
    },
    Action {
        name: "release",
        asked: false,
        meaning: "Release a held file once someone has approved it; who may approve depends on the console's roles.",
    },
];
