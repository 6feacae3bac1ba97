//! Roles, and what may be allowed. Which role may do what is for policies to say (`policies/console.cedar`).

/// A permission: an action of `policies/console.cedarschema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// View events, requests and sites.
    View,
    /// Export events.
    Export,
    /// View and download samples.
    Inspect,
    /// Delete files from the quarantine.
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
    /// Add and change users.
    ManageUsers,
    /// Read the audit log.
    ReadAudit,
    /// Create API tokens.
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

/// A role. Policies define its permissions; the order only determines who may assign which role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Uses the proxy.
    Person,
    /// Views.
    Viewer,
    /// Investigates.
    Analyst,
    /// Decides requests.
    Approver,
    /// Changes policies and users.
    Admin,
}

impl Role {
    /// All roles, the lowest first.
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

    /// The role with a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
