//! What the roles of the console may do, as Cedar policies of their own.

use crate::PolicyError;
use crate::policies::{type_name, uid};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityTypeName, PolicySet, Request, Schema, ValidationMode,
    Validator,
};
use std::collections::{BTreeSet, HashSet};
use std::str::FromStr;

const SCHEMA: &str = include_str!("../../../policies/console.cedarschema");
const POLICIES: &str = include_str!("../../../policies/console.cedar");

/// The roles, each of which includes the permissions of those before it. A `person` only uses the proxy.
pub const ROLES: [&str; 5] = ["person", "viewer", "analyst", "approver", "admin"];

/// The permissions of roles.
pub struct Permissions {
    schema: Schema,
    policies: PolicySet,
    entities: Entities,
    authorizer: Authorizer,
    actions: BTreeSet<String>,
    role: EntityTypeName,
}

impl Permissions {
    /// The permissions that come with Lazaret.
    ///
    /// # Errors
    /// When they do not fit their schema, which a test excludes.
    pub fn built_in() -> Result<Self, PolicyError> {
        let wrong = |why: String| PolicyError::Request { part: "the console's roles".to_owned(), why };
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|error| wrong(error.to_string()))?;
        let policies = PolicySet::from_str(POLICIES).map_err(|error| wrong(error.to_string()))?;
        let validation = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if let Some(error) = validation.validation_errors().next() {
            return Err(wrong(error.to_string()));
        }
        let role = type_name("Console::Role");
        let mut entities = vec![Entity::with_uid(uid(&type_name("Console::Console"), "console"))];
        let mut before = HashSet::new();
        for name in ROLES {
            entities.push(Entity::new_no_attrs(uid(&role, name), before));
            before = HashSet::from([uid(&role, name)]);
        }
        let entities = Entities::from_entities(entities, Some(&schema)).map_err(|error| wrong(error.to_string()))?;
        let actions = schema.actions().map(|action| action.id().unescaped().to_owned()).collect();
        Ok(Self { schema, policies, entities, authorizer: Authorizer::new(), actions, role })
    }

    /// All permissions of a role, by the actions' names; none for an unknown role.
    pub fn of(&self, role: &str) -> BTreeSet<String> {
        self.actions.iter().filter(|action| self.permits(role, action)).cloned().collect()
    }

    fn permits(&self, role: &str, action: &str) -> bool {
        if !ROLES.contains(&role) {
            return false;
        }
        let request = Request::new(
            uid(&self.role, role),
            uid(&type_name("Console::Action"), action),
            uid(&type_name("Console::Console"), "console"),
            Context::empty(),
            Some(&self.schema),
        );
        let Ok(request) = request else { return false };
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_may_do_what_their_names_say() {
        let permissions = Permissions::built_in().unwrap();
        let viewer = ["make-tokens", "read-policies", "view"];
        let analyst = ["export", "forget", "inspect", "manage-incidents", "write-takes"];
        let approver = ["decide", "review-takes"];
        let admin = ["change-policies", "manage-users", "read-audit", "read-settings"];
        let check = |role: &str, expected: &[&[&str]]| {
            let expected: BTreeSet<_> = expected.iter().copied().flatten().map(ToString::to_string).collect();
            assert_eq!(permissions.of(role), expected, "{role}");
        };
        check("person", &[]);
        check("viewer", &[&viewer]);
        check("analyst", &[&viewer, &analyst]);
        check("approver", &[&viewer, &analyst, &approver]);
        check("admin", &[&viewer, &analyst, &approver, &admin]);
        check("root", &[]);
        check("", &[]);
    }
}
