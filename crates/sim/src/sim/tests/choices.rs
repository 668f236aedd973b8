use super::*;

/// A world in which 1 has sent "a" and "b" to 2, and 3 has sent "c" to 2.
fn under_way(links: LinkPolicy) -> Sim<Probes> {
    let names = (1..=3).collect();
    let script = "run 1s\nat 10ms request 1 2a 2b\nat 10ms request 3 2c";
    let plan = Plan::parse(script, &names).unwrap();
    let options = Options { links, ..plain() };
    let mut sim = Sim::new(Probes::default(), options, plan, Vec::new());
    while sim.messages < 3 {
        sim.advance().unwrap();
    }
    sim
}

fn arriving(sim: &Sim<Probes>) -> Vec<(ChoiceId, String)> {
    let body = |choice: Choice<'_, Probes>| match choice.what {
        Chosen::Message { to: 2, body, .. } => Some((choice.id, body.clone())),
        Chosen::Message { .. }
        | Chosen::Link { .. }
        | Chosen::Timer(_)
        | Chosen::Disk(_)
        | Chosen::Request(_)
        | Chosen::World => None,
    };
    sim.choices().into_iter().filter_map(body).collect()
}

/// Chooses messages in this order until there is no such message; what has arrived.
fn chosen(links: LinkPolicy, order: &[&str]) -> Vec<String> {
    let mut sim = under_way(links);
    for body in order {
        let arriving = arriving(&sim);
        let Some((id, _)) = arriving.iter().find(|(_, other)| other == body) else { break };
        assert_eq!(sim.choose(*id), Ok(true));
        assert_eq!(sim.choose(*id), Ok(false), "a choice can be made once");
    }
    let lines = sim.trace().lines().filter(|line| line.contains("2 <-"));
    lines.map(|line| line.rsplit('"').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn messages_of_different_links_come_in_any_chosen_order() {
    assert_eq!(chosen(LinkPolicy::Fifo, &["c", "a", "b"]), ["c", "a", "b"]);
    assert_eq!(chosen(LinkPolicy::Fifo, &["a", "c", "b"]), ["a", "c", "b"]);
}

#[test]
fn nothing_overtakes_on_a_fifo_link() {
    assert_eq!(chosen(LinkPolicy::Fifo, &["b", "a"]), Vec::<String>::new());
}

#[test]
fn datagrams_may_be_chosen_in_any_order() {
    let links = LinkPolicy::Datagram { loss_parts: 0, duplicate_parts: 0 };
    assert_eq!(chosen(links, &["b", "c", "a"]), ["b", "c", "a"]);
}

#[test]
fn what_was_passed_over_still_happens() {
    let mut sim = under_way(LinkPolicy::Fifo);
    let end = sim.choices().last().map(|choice| (choice.id, choice.time)).unwrap();
    assert_eq!(end.1, Time::after_start(Duration::from_secs(1)));
    let (last, _) = arriving(&sim).pop().unwrap();
    sim.choose(last).unwrap();
    sim.run().unwrap();
    assert_eq!(sim.trace().lines().filter(|line| line.contains("2 <-")).count(), 3);
}
