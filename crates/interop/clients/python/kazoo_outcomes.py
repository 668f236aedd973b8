"""A pytest plugin: one line `outcome test` per test, into the file $KAZOO_OUTCOMES."""

import os

WORST = ["passed", "skipped", "failed"]
outcomes = {}


def pytest_runtest_logreport(report):
    known = outcomes.get(report.nodeid, "passed")
    outcomes[report.nodeid] = max(known, report.outcome, key=WORST.index)


def pytest_sessionfinish():
    with open(os.environ["KAZOO_OUTCOMES"], "w") as file:
        for test, outcome in outcomes.items():
            file.write(f"{outcome} {test}\n")
