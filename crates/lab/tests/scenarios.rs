//! Every scenario shows what it claims.

use zoarium_lab::{Changes, Scenario, text};

#[test]
fn every_scenario_shows_what_it_claims() {
    let mut failed = Vec::new();
    for scenario in Scenario::all() {
        let played = scenario.play(&Changes::default()).unwrap();
        if !played.holds() {
            println!("{}", text::trace(&played.run, &played.view()));
            println!("{}\n{}", scenario.name, text::verdicts(&played.verdicts()));
            failed.push(scenario.name);
        }
    }
    assert_eq!(failed, [""; 0]);
}
