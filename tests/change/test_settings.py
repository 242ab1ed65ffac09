"""The difference of settings, and the acts that close it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snlm_lib.change.checks.model import Level
from snlm_lib.change.proofs import settings_proofs
from snlm_lib.change.settings import acts, plan_settings, settings_rows
from snlm_lib.clock import FakeClock
from snlm_lib.estate.model import MigrationSettings, PairFacts
from snlm_lib.estate.survey import Estate
from snlm_lib.parameters import Parameters
from tests import builders
from tests.fake_estate import ScriptedHost, bag

FRESH = MigrationSettings(
    enabled=False,
    authentication="CredSSP",
    performance="Compression",
    maximum_vm_migrations=2,
    maximum_storage_migrations=2,
    use_any_network=False,
)


def fresh_source() -> PairFacts:
    facts = builders.pair()
    return replace(facts, source=replace(facts.source, settings=FRESH))


def estate(*hosts: ScriptedHost) -> Estate:
    return Estate(hosts[0], hosts[1], None)


def test_equal_settings_need_nothing(ready: PairFacts, wanted: Parameters) -> None:
    plans = plan_settings(ready, wanted)
    assert all(plan.empty for plan in plans)
    assert acts(estate(ScriptedHost("HV01"), ScriptedHost("HV02")), plans) == ()


def test_only_what_differs_is_planned(wanted: Parameters) -> None:
    source, destination = plan_settings(fresh_source(), wanted)
    assert [item.name for item in source.differences] == ["enabled", "authentication", "use_any_network"]
    assert destination.empty


def test_acts_enable_first_and_carry_their_undo(wanted: Parameters) -> None:
    hosts = ScriptedHost("HV01", {"Enable-VMMigration": (), "Set-VMHost": ()}), ScriptedHost("HV02")
    enable, values = acts(estate(*hosts), plan_settings(fresh_source(), wanted))
    assert (enable.do().result, values.do().result) == ("done", "done")
    assert hosts[0].sent[0].startswith("Enable-VMMigration")
    assert "-VirtualMachineMigrationAuthenticationType 'Kerberos'" in hosts[0].sent[1]
    assert "Compression" not in hosts[0].sent[1]
    assert enable.undo.startswith("HV01: Disable-VMMigration")
    assert "-VirtualMachineMigrationAuthenticationType 'CredSSP'" in values.undo
    assert "-UseAnyNetworkForMigration:$false" in values.undo
    assert values.before == {"authentication": "CredSSP", "use_any_network": False}
    assert hosts[1].sent == []


def test_what_could_not_be_read_has_no_undo_to_promise(wanted: Parameters) -> None:
    facts = builders.pair()
    unread = replace(facts.source.settings, performance=None)
    plans = plan_settings(replace(facts, source=replace(facts.source, settings=unread)), wanted)
    (only,) = acts(estate(ScriptedHost("HV01"), ScriptedHost("HV02")), plans)
    assert "could not be read" in only.undo


def test_the_same_difference_has_the_same_key_and_another_host_another(wanted: Parameters) -> None:
    facts = fresh_source()
    both = replace(facts, destination=replace(facts.destination, settings=FRESH))
    hosts = estate(ScriptedHost("HV01"), ScriptedHost("HV02"))
    keys = [act.key for act in acts(hosts, plan_settings(both, wanted))]
    assert keys == [act.key for act in acts(hosts, plan_settings(both, wanted))]
    assert len(set(keys)) == 4


def test_proofs_fail_after_a_change_and_only_warn_when_it_was_shown(wanted: Parameters) -> None:
    facts = fresh_source()
    assert [item.level for item in settings_proofs(facts, wanted, applied=True)] == [Level.FAIL, Level.PASS]
    assert [item.level for item in settings_proofs(facts, wanted, applied=False)] == [Level.WARN, Level.PASS]


@pytest.mark.parametrize(("shown", "sent_again"), [("Kerberos", False), ("CredSSP", True)])
def test_a_try_without_outcome_is_settled_by_what_the_host_shows(
    wanted: Parameters, clock: FakeClock, shown: str, sent_again: bool
) -> None:
    now = bag(VirtualMachineMigrationAuthenticationType=shown, UseAnyNetworkForMigration=True)
    source = ScriptedHost("HV01", {"Get-VMHost": (now,), "Set-VMHost": ()})
    _, values = acts(estate(source, ScriptedHost("HV02")), plan_settings(fresh_source(), wanted))
    assert values.settle is not None
    outcome = values.settle(clock.utc_now())
    assert outcome.result == "done"
    assert any(text.startswith("Set-VMHost") for text in source.sent) is sent_again
    assert ("it was sent again" in outcome.detail) is sent_again


def test_the_table_has_a_row_a_setting_and_a_column_a_host(wanted: Parameters) -> None:
    rows = settings_rows(fresh_source(), wanted)
    assert len(rows) == 6
    assert rows[1] == {"setting": "authentication", "HV01": "CredSSP", "HV02": "Kerberos", "wanted": "Kerberos"}
