use super::*;
use crate::{Code, Fetch, OidcSettings, Pending, Provider, Role, SignIn};
use lazaret_store::{Ledger, now};
use std::net::IpAddr;

const PASSWORD: &str = "correct horse battery";
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
const ISSUER: &str = "https://login.example";

/// A provider that nobody asks: what it vouches for is made up here.
struct Silent;

impl Fetch for Silent {
    fn get<'a>(&'a self, _: &'a str) -> Pending<'a, Vec<u8>> {
        Box::pin(async { Err(crate::FetchError("it is away".to_owned())) })
    }

    fn post<'a>(&'a self, _: &'a str, _: Option<String>, _: String) -> Pending<'a, (u16, Vec<u8>)> {
        Box::pin(async { Err(crate::FetchError("it is away".to_owned())) })
    }
}

struct People {
    _folder: tempfile::TempDir,
    ledger: Ledger,
    identity: Identity,
    anna: User,
}

/// People with Anna, an administrator with a password.
async fn people() -> People {
    let (people, secret) = nobody().await;
    let anna = people.identity.set_up(&secret, "anna", PASSWORD.to_owned()).await.unwrap().unwrap().user;
    People { anna, ..people }
}

/// Nobody, with the secret of the set-up link.
async fn nobody() -> (People, String) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
    let settings =
        OidcSettings { issuer: ISSUER.to_owned(), client_id: "lazaret".to_owned(), ..OidcSettings::default() };
    let provider = Provider::new(settings, None, "https://c.example/x".to_owned(), Box::new(Silent)).unwrap();
    let identity = Identity::new(ledger.clone()).with_provider(Some(provider));
    let secret = identity.setup_secret().await.unwrap().unwrap();
    let anna = User {
        id: 0,
        name: String::new(),
        password: String::new(),
        totp: String::new(),
        totp_used: 0,
        role: String::new(),
        created_at: 0,
        failures: 0,
        locked_until: 0,
        disabled: false,
    };
    (People { _folder: folder, ledger, identity, anna }, secret)
}

fn account(name: &str, subject: &str, standing: Standing) -> Account {
    Account {
        issuer: ISSUER.to_owned(),
        subject: subject.to_owned(),
        name: name.to_owned(),
        groups: vec!["staff".to_owned()],
        standing,
        second_factor: false,
        may_be_made: true,
        at: now(),
        until: now() + 60_000,
        to: "/".to_owned(),
    }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, IdentityError>) -> Refusal {
    match answer {
        Err(IdentityError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_provider_makes_the_first_person_so_that_an_administrator_has_a_password() {
    let (people, secret) = nobody().await;
    for role in [Role::Viewer, Role::Admin] {
        let answer = people.identity.admitted(&HERE, &account("ada", "1", Standing::Always(role))).await;
        assert_eq!(refusal(answer), Refusal::NotSetUp);
    }
    assert!(people.identity.is_setup_secret(&secret).await.unwrap(), "the set-up link is gone");
}

#[tokio::test]
async fn whoever_is_disabled_or_asked_for_a_code_is_bound_to_nobody_before_they_are_in() {
    let people = people().await;
    let identity = &people.identity;
    identity.add(&people.anna, "ada", String::new(), Role::Approver).await.unwrap();
    assert!(identity.change(&people.anna, "ada", Role::Approver, true).await.unwrap());
    let mut thief = account("ada", "thief", Standing::Always(Role::Person));
    assert_eq!(refusal(identity.admitted(&HERE, &thief).await), Refusal::Disabled);
    assert!(identity.change(&people.anna, "ada", Role::Approver, false).await.unwrap());
    let ada = people.ledger.user("ada").await.unwrap().unwrap();
    assert!(!people.ledger.is_bound(ada.id).await.unwrap(), "a thief is somebody who was disabled");
    // One-time passwords that she still has from when she had a password.
    let secret = crate::factor::new_secret().unwrap();
    people.ledger.set_totp(ada.id, &secret, 0, &["abcdefghij".to_owned()]).await.unwrap();
    let ticket = identity.ask(&ada, Some(thief.clone())).unwrap();
    assert!(matches!(identity.code(&HERE, &ticket, "abcde-fghik").await.unwrap(), Code::Wrong));
    let present = people.ledger.user("ada").await.unwrap().unwrap();
    assert!(!people.ledger.is_bound(ada.id).await.unwrap() && present.role == "approver", "{present:?}");
    assert!(identity.groups().of("ada").is_empty(), "groups count before the code");
    // With the code it is she, and everything counts.
    thief.subject = "ada-1".to_owned();
    let ticket = identity.ask(&present, Some(thief)).unwrap();
    let Code::In(admitted) = identity.code(&HERE, &ticket, "abcde-fghij").await.unwrap() else { panic!("not in") };
    assert_eq!((admitted.user.role.as_str(), identity.groups().of("ada").len()), ("person", 1));
    assert!(people.ledger.is_bound(ada.id).await.unwrap());
}

#[tokio::test]
async fn whose_groups_have_no_role_any_more_loses_what_is_open_as_soon_as_the_provider_says_so() {
    let people = people().await;
    let identity = &people.identity;
    let ada = identity.admitted(&HERE, &account("ada", "1", Standing::Always(Role::Admin))).await.unwrap();
    let opened = identity.open(&HERE, &ada).await.unwrap();
    let token = identity.make_token(&ada.user, "script", Some(Role::Admin), Some(365)).await.unwrap();
    let answer = identity.admitted(&HERE, &account("ada", "1", Standing::Nowhere)).await;
    assert_eq!(refusal(answer), Refusal::NoRole);
    assert!(identity.session(&opened.token).await.unwrap().is_none(), "the session outlives the groups");
    assert!(identity.bearer(&token).await.unwrap().is_none(), "the token outlives the groups");
    assert!(identity.groups().of("ada").is_empty());
    // A stranger of that name ends nothing.
    let ada = identity.admitted(&HERE, &account("ada", "1", Standing::Always(Role::Viewer))).await.unwrap();
    let opened = identity.open(&HERE, &ada).await.unwrap();
    assert_eq!(refusal(identity.admitted(&HERE, &account("ada", "2", Standing::Nowhere)).await), Refusal::NoRole);
    assert!(identity.session(&opened.token).await.unwrap().is_some());
}

#[tokio::test]
async fn of_two_sign_ins_at_once_the_later_word_of_the_provider_counts() {
    let people = people().await;
    let identity = &people.identity;
    let made = identity.admitted(&HERE, &account("ada", "1", Standing::Always(Role::Viewer))).await.unwrap();
    // Asked for a code while she was still in the group, and using it when she no longer is.
    let old = Account { at: now() - 60_000, ..account("ada", "1", Standing::Always(Role::Admin)) };
    assert_eq!(refusal(identity.admitted(&HERE, &old).await), Refusal::Over);
    assert_eq!(people.ledger.user("ada").await.unwrap().unwrap().role, "viewer");
    // Twice at once for the first time is nobody's trouble.
    let new = account("bob", "2", Standing::Always(Role::Viewer));
    let (one, other) = tokio::join!(identity.admitted(&HERE, &new), identity.admitted(&HERE, &new));
    assert_eq!(one.unwrap().user.id, other.unwrap().user.id);
    assert_ne!(made.user.name, "bob");
}

#[tokio::test]
async fn an_administrator_can_give_somebody_another_account_at_the_provider() {
    let people = people().await;
    let identity = &people.identity;
    identity.admitted(&HERE, &account("ada", "1", Standing::Always(Role::Viewer))).await.unwrap();
    // The provider was set up again: everybody has another subject.
    let again = account("ada", "2", Standing::Always(Role::Viewer));
    assert_eq!(refusal(identity.admitted(&HERE, &again).await), Refusal::NameTaken);
    assert!(identity.without_password(&people.anna, "ada").await.unwrap());
    identity.admitted(&HERE, &again).await.unwrap();
    let old = account("ada", "1", Standing::Always(Role::Viewer));
    assert_eq!(refusal(identity.admitted(&HERE, &old).await), Refusal::NameTaken, "two accounts are one person");
}

#[tokio::test]
async fn nobody_takes_the_last_administrator_with_a_password_away() {
    let people = people().await;
    let identity = &people.identity;
    let ada = identity.admitted(&HERE, &account("ada", "1", Standing::Always(Role::Admin))).await.unwrap().user;
    assert_eq!(refusal(identity.without_password(&ada, "anna").await), Refusal::LastAdministrator);
    assert_eq!(refusal(identity.change(&ada, "anna", Role::Viewer, false).await), Refusal::LastAdministrator);
    assert_eq!(refusal(identity.change(&ada, "anna", Role::Admin, true).await), Refusal::LastAdministrator);
    assert!(matches!(identity.sign_in(&HERE, "anna", PASSWORD.to_owned()).await.unwrap(), SignIn::In(_)));
    identity.add(&ada, "otto", PASSWORD.to_owned(), Role::Admin).await.unwrap();
    assert!(identity.without_password(&ada, "anna").await.unwrap());
}

#[tokio::test]
async fn what_was_right_before_a_password_was_changed_opens_nothing_after() {
    const NEW: &str = "another horse battery";
    let people = people().await;
    let identity = &people.identity;
    let SignIn::In(admitted) = identity.sign_in(&HERE, "anna", PASSWORD.to_owned()).await.unwrap() else {
        panic!("anna stays outside")
    };
    let ticket = identity.ask(&people.anna, None).unwrap();
    let changed = identity.change_password(&HERE, &people.anna, PASSWORD.to_owned(), NEW.to_owned()).await;
    changed.unwrap();
    assert_eq!(refusal(identity.open(&HERE, &admitted).await), Refusal::Over, "a session with the old password");
    let secret = crate::factor::new_secret().unwrap();
    people.ledger.set_totp(people.anna.id, &secret, 0, &["abcdefghij".to_owned()]).await.unwrap();
    let answer = identity.code(&HERE, &ticket, "abcde-fghij").await.unwrap();
    assert!(matches!(answer, Code::Over), "a code after the old password: {answer:?}");
}

#[tokio::test]
async fn changing_ones_password_brings_back_no_role_that_was_taken_meanwhile() {
    let people = people().await;
    let identity = &people.identity;
    identity.add(&people.anna, "bob", PASSWORD.to_owned(), Role::Admin).await.unwrap();
    let bob = people.ledger.user("bob").await.unwrap().unwrap();
    // His request began before this.
    assert!(identity.change(&people.anna, "bob", Role::Viewer, false).await.unwrap());
    identity.change_password(&HERE, &bob, PASSWORD.to_owned(), "another horse battery".to_owned()).await.unwrap();
    assert_eq!(people.ledger.user("bob").await.unwrap().unwrap().role, "viewer");
    let bob = people.ledger.user("bob").await.unwrap().unwrap();
    assert!(identity.change(&people.anna, "bob", Role::Viewer, true).await.unwrap());
    let answer = identity.change_password(&HERE, &bob, "another horse battery".to_owned(), PASSWORD.to_owned()).await;
    assert_eq!(refusal(answer), Refusal::Vouching);
    let bob = people.ledger.user("bob").await.unwrap().unwrap();
    assert!(bob.disabled, "whoever was shut out lets themselves in");
}
