//! Identities proved by SASL, before anything else is said.

use crate::conversations::create;
use crate::world::{Lie, World, seconds};
use std::sync::Arc;
use zoarium_process::Input;
use zoarium_proto::OpCode;
use zoarium_proto::membership::HostPort;
use zoarium_session::Options;
use zoarium_session::fault::{Fault, Misbehaved};
use zoarium_session::random::Random;
use zoarium_session::sasl::{Exchange, Mechanism, SaslError, Step};

/// Says its name when asked for it, and knows what the server has to say to that.
#[derive(Clone, Debug)]
struct Name(&'static str);

impl Mechanism for Name {
    fn begin(&self, _: &HostPort, _: &mut Random) -> Box<dyn Exchange> {
        Box::new(self.clone())
    }
}

impl Exchange for Name {
    fn first(&mut self) -> Vec<u8> {
        vec![]
    }

    fn next(&mut self, token: &[u8]) -> Result<Step, SaslError> {
        match token {
            b"who?" => Ok(Step::Answer(self.0.into())),
            b"welcome" => Ok(Step::Done),
            _ => Err(SaslError("a strange welcome")),
        }
    }
}

fn world(servers: usize, name: &'static str) -> World {
    let mut world = World::new(Options::default(), servers, 1);
    world.session = world.session.with_sasl(Arc::new(Name(name)));
    world
}

fn heard(world: &mut World) -> Vec<(OpCode, String)> {
    std::mem::take(&mut world.ensemble.heard)
}

#[test]
fn identity_is_proved_on_every_connection_before_anything_else() {
    let mut world = world(2, "app");
    let made = world.submit(create("/a"));
    world.step(Input::Start);
    world.run(seconds(0.1));
    assert!(matches!(world.answer(made), Some(Ok(_))));
    let proof = [(OpCode::Sasl, String::new()), (OpCode::Sasl, "app".to_owned())];
    assert_eq!(heard(&mut world), [&proof[..], &[(OpCode::Create2, "/a".into())]].concat());
    let session = world.present().session;
    world.cut();
    world.run(seconds(0.1));
    assert_eq!(heard(&mut world), proof);
    assert_eq!(world.present().session, session);
    assert_eq!(world.states(), ["connected", "suspended", "connected"]);
}

#[test]
fn identity_that_is_refused_ends_the_client() {
    let mut world = world(2, "intruder");
    let made = world.submit(create("/a"));
    world.step(Input::Start);
    world.run(seconds(0.1));
    assert_eq!(world.states(), ["auth failed"]);
    assert!(matches!(world.answer(made), Some(Err(_))));
    assert!(!heard(&mut world).iter().any(|(op, _)| *op == OpCode::Create2));
}

#[test]
fn server_that_proves_nothing_gets_no_request() {
    for (lie, fault) in [
        (Lie::Token, Some(Fault::Sasl(SaslError("a strange welcome")))),
        (Lie::NoReply, None),
        (
            Lie::WrongXid,
            Some(Fault::Misbehaved(Misbehaved::OutOfOrder {
                answered: zoarium_proto::Xid(2),
                awaited: Some(zoarium_proto::Xid(1)),
            })),
        ),
    ] {
        let mut world = world(2, "app");
        let made = world.submit(create("/a"));
        world.ensemble.lie = Some(lie);
        world.step(Input::Start);
        world.run(seconds(1.0));
        assert_eq!(world.faults(), fault.into_iter().collect::<Vec<_>>());
        // The next server did better.
        assert_eq!(world.states(), ["connected"], "{lie:?}");
        assert_eq!(world.present().generation.0, 1);
        assert!(matches!(world.answer(made), Some(Ok(_))));
        assert_eq!(world.session.metrics().failed_attempts, 1);
    }
}

#[test]
fn session_is_kept_over_a_proof_that_breaks() {
    let mut world = world(2, "app");
    world.step(Input::Start);
    world.run(seconds(0.1));
    let session = world.present().session;
    world.told.clear();
    world.ensemble.lie = Some(Lie::Token);
    world.cut();
    world.run(seconds(1.0));
    assert_eq!(world.states(), ["suspended", "connected"]);
    assert_eq!(world.present().session, session);
}

#[test]
fn proof_that_takes_too_long_is_given_up() {
    let mut world = world(1, "app");
    world.step(Input::Start);
    world.run(seconds(0.0025));
    assert!(heard(&mut world).is_empty());
    world.ensemble.servers[0].mute = true;
    world.run(seconds(40.0));
    assert!(matches!(world.faults()[..], [Fault::NoAnswer(_), ..]), "{:?}", world.faults());
    world.ensemble.servers[0].mute = false;
    world.run(seconds(60.0));
    assert_eq!(world.states(), ["connected"]);
}
