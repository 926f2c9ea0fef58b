use proptest::prelude::*;

use super::*;

const START: i64 = 1_750_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn session(token: &str) -> Session {
    let tenant: TenantId = "acme.test".parse().unwrap();
    let session = Session {
        id: "sid".into(),
        user: UserId::of(&tenant, &"ada@example.com".parse().unwrap()),
        tenant,
        client: "app_1".into(),
        epoch: 0,
        scope: "openid".into(),
        created: at(0),
        active: START,
        revoked: false,
        family: Family::default(),
    };
    session.with_token(token)
}

fn secrets<const N: usize>() -> [String; N] {
    std::array::from_fn(|_| opaque::secret().unwrap())
}

fn rotated(refreshed: Refreshed) -> Session {
    let Refreshed::Rotated(session) = refreshed else { panic!("{refreshed:?}") };
    *session
}

#[test]
fn a_token_is_used_once_and_gives_the_same_successor_for_half_a_minute() {
    let [first, second, third, other] = secrets();
    let after = rotated(session(&first).refresh(&first, &second, at(100)));
    assert_eq!(after.refresh(&first, &other, at(100 + LEEWAY)), Refreshed::Again(second.clone()));
    assert_eq!(after.refresh(&first, &other, at(101 + LEEWAY)), Refreshed::Reused);
    let later = rotated(after.refresh(&second, &third, at(110)));
    assert_eq!(later.refresh(&first, &other, at(120)), Refreshed::Again(second));
    assert_eq!(later.refresh(&other, &first, at(120)), Refreshed::Reused);
}

#[test]
fn a_session_slides_for_a_week_and_never_beyond_thirty_days() {
    let mut tokens = secrets::<2>().to_vec();
    let mut session = session(&tokens[0]);
    assert_eq!(session.refresh(&tokens[0], &tokens[1], at(IDLE)), Refreshed::Over);
    let mut day = 0;
    while day < 29 {
        day += 6;
        let fresh = opaque::secret().unwrap();
        let token = tokens[0].clone();
        let refreshed = session.refresh(&token, &fresh, at(day * 24 * 3600));
        assert_eq!(day == 30, refreshed == Refreshed::Over);
        if let Refreshed::Rotated(next) = refreshed {
            session = *next;
        }
        tokens[0] = fresh;
    }
    assert!(!session.is_alive(at(LONGEST)));
}

#[test]
fn a_revoked_session_and_one_without_tokens_give_nothing() {
    let [first, second] = secrets();
    let revoked = Session { revoked: true, ..session(&first) };
    assert_eq!(revoked.refresh(&first, &second, at(1)), Refreshed::Over);
    let without = Session { family: Family::default(), ..session(&first) };
    assert_eq!(without.refresh(&first, &second, at(1)), Refreshed::Reused);
}

#[test]
fn what_is_stored_says_nothing_of_the_tokens() {
    let [first, second] = secrets();
    let after = rotated(session(&first).refresh(&first, &second, at(1)));
    let stored = serde_json::to_string(&after.family).unwrap();
    assert!(!stored.contains(&first) && !stored.contains(&second));
}

proptest! {
    /// Whatever the order of uses, at every moment exactly one token rotates, and none that is older than the leeway
    /// gives anything.
    #[test]
    fn one_token_is_good_at_a_time(steps in prop::collection::vec((0usize..6, 0i64..40), 1..30)) {
        let first = opaque::secret().unwrap();
        let mut session = session(&first);
        let mut tokens = vec![(first, None::<i64>)];
        let mut now = 0;
        for (back, wait) in steps {
            now += wait;
            let place = tokens.len().saturating_sub(1 + back);
            let (token, used) = tokens[place].clone();
            let fresh = opaque::secret().unwrap();
            match session.refresh(&token, &fresh, at(now)) {
                Refreshed::Rotated(next) => {
                    prop_assert_eq!(place, tokens.len() - 1);
                    session = *next;
                    tokens[place].1 = Some(now);
                    tokens.push((fresh, None));
                }
                Refreshed::Again(successor) => {
                    prop_assert_eq!(&successor, &tokens[place + 1].0);
                    prop_assert!(now - used.unwrap() <= LEEWAY);
                }
                Refreshed::Reused => prop_assert!(used.is_some_and(|at| now - at > LEEWAY) || tokens.len() - place > MAX_USED),
                Refreshed::Over => prop_assert!(false, "not over within the test"),
            }
        }
    }
}
