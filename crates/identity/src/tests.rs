use super::*;

const PASSWORD: &str = "correct horse battery";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// People of a new ledger, and its first administrator.
async fn people(folder: &tempfile::TempDir) -> (Identity, User) {
    let ledger = Ledger::open(&format!("sqlite:{}", folder.path().join("ledger").display())).await.unwrap();
    let identity = Identity::new(ledger);
    let secret = identity.setup_secret().await.unwrap().unwrap();
    let anna = identity.set_up(&secret, "anna", PASSWORD.to_owned()).await.unwrap().unwrap();
    (identity, anna.user)
}

#[tokio::test]
async fn a_person_comes_in_with_their_password_until_they_are_shut_out() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, anna) = people(&folder).await;
    assert!(identity.setup_secret().await.unwrap().is_none(), "a second first administrator");
    identity.add(&anna, "bob", PASSWORD.to_owned(), Role::Viewer).await.unwrap();
    let taken = identity.add(&anna, "bob", PASSWORD.to_owned(), Role::Admin).await;
    assert!(matches!(taken, Err(IdentityError::Refused(Refusal::Taken))));
    assert!(matches!(identity.sign_in(&HERE, "bob", "guess".to_owned()).await.unwrap(), SignIn::Wrong));
    assert!(matches!(identity.sign_in(&HERE, "nobody", PASSWORD.to_owned()).await.unwrap(), SignIn::Wrong));
    let SignIn::In(bob) = identity.sign_in(&HERE, "bob", PASSWORD.to_owned()).await.unwrap() else {
        panic!("bob stays outside")
    };
    let opened = identity.open(&HERE, &bob).await.unwrap();
    let token = identity.make_token(&bob.user, "script", Some(Role::Viewer), Some(1)).await.unwrap();
    assert_eq!(identity.session(&opened.token).await.unwrap().unwrap().user.name, "bob");
    assert_eq!(identity.bearer(&token).await.unwrap().unwrap().1, Role::Viewer);
    assert!(identity.change(&anna, "bob", Role::Viewer, true).await.unwrap());
    assert!(identity.session(&opened.token).await.unwrap().is_none(), "the session outlives its owner");
    assert!(identity.bearer(&token).await.unwrap().is_none(), "the token outlives its owner");
    assert!(matches!(identity.sign_in(&HERE, "bob", PASSWORD.to_owned()).await.unwrap(), SignIn::Wrong));
    assert_eq!(identity.password_fits(HERE, "bob", PASSWORD.to_owned()).await.unwrap(), Fit::Wrong);
    let own = identity.change(&anna, "anna", Role::Viewer, false).await;
    assert!(matches!(own, Err(IdentityError::Refused(Refusal::Oneself))));
}

#[tokio::test]
async fn whoever_guesses_at_one_door_waits_at_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, _) = people(&folder).await;
    let mut tried = 0;
    while identity.password_fits(HERE, "anna", "guess".to_owned()).await.unwrap() == Fit::Wrong {
        tried += 1;
        assert!(tried < 20, "nobody has to wait");
    }
    let answer = identity.sign_in(&HERE, "anna", PASSWORD.to_owned()).await.unwrap();
    assert!(matches!(answer, SignIn::Later { seconds: 1.. }), "{answer:?}");
    let elsewhere = IpAddr::from([192, 0, 2, 8]);
    let answer = identity.sign_in(&elsewhere, "anna", PASSWORD.to_owned()).await.unwrap();
    assert!(matches!(answer, SignIn::In(_)), "a stranger locked somebody out: {answer:?}");
}

#[tokio::test]
async fn a_token_never_may_more_than_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, anna) = people(&folder).await;
    identity.add(&anna, "bob", PASSWORD.to_owned(), Role::Approver).await.unwrap();
    let bob = identity.people().await.unwrap().into_iter().find(|user| user.name == "bob").unwrap();
    for (name, role, days, refusal) in [
        ("", Some(Role::Viewer), Some(1), Refusal::TokenName),
        ("script", Some(Role::Admin), Some(1), Refusal::TokenRole),
        ("script", None, Some(1), Refusal::TokenRole),
        ("script", Some(Role::Viewer), Some(366), Refusal::TokenDays),
        ("script", Some(Role::Viewer), None, Refusal::TokenDays),
    ] {
        let answer = identity.make_token(&bob, name, role, days).await;
        assert!(matches!(answer, Err(IdentityError::Refused(why)) if why == refusal), "{answer:?}");
    }
    let token = identity.make_token(&bob, "script", Some(Role::Approver), Some(1)).await.unwrap();
    assert_eq!(identity.bearer(&token).await.unwrap().unwrap().1, Role::Approver);
    assert!(identity.change(&anna, "bob", Role::Viewer, false).await.unwrap());
    assert_eq!(identity.bearer(&token).await.unwrap().unwrap().1, Role::Viewer);
}

#[tokio::test]
async fn when_too_many_are_asked_for_a_code_one_of_them_begins_again_and_not_all() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, anna) = people(&folder).await;
    let mut last = String::new();
    for _ in 0..=sign_in::MOST_ASKED {
        last = identity.ask(&anna, None).unwrap();
    }
    let asked = identity.asked.lock().unwrap();
    assert_eq!(asked.len(), sign_in::MOST_ASKED);
    assert!(asked.contains_key(&lazaret_store::fingerprint(&last)), "whoever was asked last");
}
