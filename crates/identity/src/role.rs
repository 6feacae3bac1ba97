//! Roles, and what may be allowed. Which role may do what is for policies to say (`policies/console.cedar`).

/// Something that somebody may do or not: an action of `policies/console.cedarschema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Look at events, requests and sites.
    View,
    /// Download tables of events.
    Export,
    /// Look into samples and take them away.
    Inspect,
    /// Clear out the quarantine.
    Forget,
    /// Respond to incidents.
    ManageIncidents,
    /// Decide requests for stopped files.
    Decide,
    /// Read policies.
    ReadPolicies,
    /// Change policies.
    ChangePolicies,
    /// Read the configuration.
    ReadSettings,
    /// Add people, and change what they are.
    ManageUsers,
    /// Read what people did.
    ReadAudit,
    /// Make tokens of the API.
    MakeTokens,
    /// Write takes.
    WriteTakes,
    /// Review takes.
    ReviewTakes,
}

impl May {
    /// The action's name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Export => "export",
            Self::Inspect => "inspect",
            Self::Forget => "forget",
            Self::ManageIncidents => "manage-incidents",
            Self::Decide => "decide",
            Self::ReadPolicies => "read-policies",
            Self::ChangePolicies => "change-policies",
            Self::ReadSettings => "read-settings",
            Self::ManageUsers => "manage-users",
            Self::ReadAudit => "read-audit",
            Self::MakeTokens => "make-tokens",
            Self::WriteTakes => "write-takes",
            Self::ReviewTakes => "review-takes",
        }
    }
}

/// A role. What it may do, policies say; the order is only for who may hand out which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Goes through the proxy.
    Person,
    /// Looks.
    Viewer,
    /// Investigates.
    Analyst,
    /// Decides requests.
    Approver,
    /// Changes policies and people.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 5] = [Self::Person, Self::Viewer, Self::Analyst, Self::Approver, Self::Admin];

    /// Its name in policies and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// The role of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
