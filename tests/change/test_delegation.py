"""The smallest difference of delegation, in both directions, and its undo."""

from __future__ import annotations

from dataclasses import replace

from snlm_lib.change.checks.model import Level
from snlm_lib.change.delegation import acts, delegation_rows, plan_account, plan_delegation, wanted_names
from snlm_lib.change.proofs import accounts_readable, delegation_proofs
from snlm_lib.estate.model import PairFacts
from tests import builders
from tests.fake_estate import ScriptedHost

FOUR = (
    "cifs/HV02",
    "cifs/hv02.corp.example",
    "Microsoft Virtual System Migration Service/HV02",
    "Microsoft Virtual System Migration Service/hv02.corp.example",
)


def bare_pair() -> PairFacts:
    return builders.pair(delegation={name: builders.account(name) for name in ("HV01", "HV02")})


def test_four_names_by_short_and_full_name() -> None:
    assert wanted_names(builders.account("HV02")) == FOUR


def test_names_are_compared_without_case_and_only_the_missing_are_added() -> None:
    account = builders.account("HV01", delegate_to=("CIFS/hv02", "cifs/HV02.CORP.EXAMPLE"), any_protocol=True)
    plan = plan_account(account, builders.account("HV02"))
    assert plan.add == FOUR[2:]
    assert not plan.set_any_protocol


def test_the_flag_names_what_else_it_widens() -> None:
    account = builders.account("HV01", delegate_to=("HTTP/web01", *FOUR))
    plan = plan_account(account, builders.account("HV02"))
    assert (plan.add, plan.set_any_protocol, plan.widened) == ((), True, ("HTTP/web01",))


def test_a_ready_pair_needs_nothing(ready: PairFacts) -> None:
    assert all(plan.empty for plan in plan_delegation(ready))
    assert acts(ScriptedHost("DC01"), plan_delegation(ready)) == ()


def test_acts_go_to_the_directory_names_before_the_flag() -> None:
    directory = ScriptedHost("DC01", {"Set-ADComputer": (), "Set-ADAccountControl": ()})
    found = acts(directory, plan_delegation(bare_pair()))
    assert [act.do().result for act in found] == ["done"] * 4
    assert [text.split()[0] for text in directory.sent] == ["Set-ADComputer", "Set-ADAccountControl"] * 2
    assert all(name in directory.sent[0] for name in FOUR)
    assert "-Add" in directory.sent[0]
    assert "-Remove" in found[0].undo
    assert "$false" in found[1].undo


def test_an_unreadable_account_has_no_plan_and_is_refused_by_the_gate() -> None:
    facts = builders.pair(delegation={"HV01": None, "HV02": builders.account("HV02")})
    assert plan_delegation(facts) == ()
    assert [item.level for item in accounts_readable(facts)] == [Level.FAIL, Level.PASS]
    assert [item.level for item in delegation_proofs(facts, applied=False)] == [Level.WARN]


def test_without_a_directory_there_is_nothing_to_send() -> None:
    assert acts(None, plan_delegation(bare_pair())) == ()


def test_proofs_say_what_is_still_missing(ready: PairFacts) -> None:
    assert {item.level for item in delegation_proofs(ready, applied=True)} == {Level.PASS}
    half = replace(ready, delegation={**ready.delegation, "HV02": builders.account("HV02")})
    back = delegation_proofs(half, applied=True)[1]
    assert back.level is Level.FAIL
    assert "lacks cifs/HV01" in back.evidence
    assert "Kerberos only" in back.evidence


def test_the_table_shows_found_and_missing() -> None:
    rows = delegation_rows(bare_pair())
    assert rows[0] == {
        "account": "HV01",
        "may act at": "nobody",
        "any authentication protocol": False,
        "unconstrained": False,
        "missing": ", ".join(FOUR),
    }
