"""The running domain controller: what others find of it, and how it comes and goes."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snlm_lib.clock import SystemClock
from snlm_lib.errors import LabError
from snlm_lib.lab.directory import DirectoryRefused, Edit
from snlm_lib.lab.samba import SambaDomain, SambaTemplate, why_not
from tests.lab.domain import describe


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is it looked for")
def test_a_machine_without_samba_is_told_so_in_a_sentence(tmp_path: Path) -> None:
    nowhere = tmp_path / "samba"

    with pytest.raises(LabError) as told:
        SambaTemplate.provision(describe(), tmp_path / "t", lack=lambda: why_not(nowhere))

    assert f"Samba's domain controller is not installed ({nowhere})" in str(told.value)
    assert "Say 'directory: memory'" in str(told.value)
    assert not (tmp_path / "t").exists()


def test_a_path_too_long_for_its_sockets_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 70)
    with pytest.raises(LabError, match="too long a path"):
        SambaTemplate.provision(describe(), deep, lack=lambda: None)
    assert not deep.exists()


def test_it_is_a_realm_with_an_address_of_its_own(realm: SambaDomain) -> None:
    assert (realm.name, realm.netbios) == ("CORP.EXAMPLE", "CORP")
    assert realm.address.startswith("127.88.0.")
    assert f"kdc = {realm.address}" in realm.krb5_conf.read_text(encoding="ascii")
    assert realm.environ["KRB5_CONFIG"] == str(realm.krb5_conf)
    assert realm.passwords["operator"] == "Lab-Passw0rd"
    assert "Lab-Passw0rd" not in repr(realm)


@pytest.mark.parametrize("host", ["HV01", "HV02", "DC01"])
def test_each_host_has_its_keys_and_one_file_has_all(realm: SambaDomain, host: str) -> None:
    own, every = realm.keytab_of(host).read_bytes(), realm.keytab.read_bytes()
    fqdn = f"{host.lower()}.corp.example"
    for service in (b"host", b"HTTP", b"WSMAN"):
        for form in (host, fqdn):
            principal = service + len(form).to_bytes(2, "big") + form.encode()
            assert principal in own
            assert principal in every
    assert f"{host}$".encode() in own
    assert {name for name in (b"HV01$", b"HV02$", b"DC01$") if name in own} == {f"{host}$".encode()}
    assert realm.keytab_of(host).stat().st_mode & 0o077 == 0


def test_ldaps_shows_a_certificate_of_the_domains_own_authority(realm: SambaDomain) -> None:
    context = ssl.create_default_context(cafile=str(realm.krb5_conf.parent / "private" / "tls" / "ca.pem"))
    with (
        socket.create_connection((realm.address, 636), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=realm.address) as sealed,
    ):
        assert ("DNS", "dc01.corp.example") in sealed.getpeercert()["subjectAltName"]  # type: ignore[index]


def test_the_accounts_are_those_that_were_described(realm: SambaDomain) -> None:
    found, described = realm.directory.accounts, describe().accounts
    assert set(found) == set(described)
    hyperv = found["hv01"]
    assert sorted(hyperv.service_principal_names) == sorted(described["hv01"].service_principal_names)
    assert (hyperv.dns_host_name, hyperv.distinguished_name) == (
        "hv01.corp.example",
        described["hv01"].distinguished_name,
    )
    assert hyperv.sid.startswith(f"{realm.directory.domain_sid}-")
    assert realm.directory.find(str(hyperv.object_guid)) == hyperv
    assert realm.directory.find("HV*") is None


def test_a_user_who_is_not_there_changes_nothing(realm: SambaDomain) -> None:
    account = realm.directory.accounts["hv01"]
    with pytest.raises(DirectoryRefused, match="not in the directory"):
        realm.directory.modify(account, [Edit("add", "servicePrincipalName", ("x/HV01",))], by="CORP\\nobody")
    assert "x/HV01" not in realm.directory.accounts["hv01"].service_principal_names


def test_a_copy_comes_beside_it_and_goes_with_all_it_started(realm: SambaDomain) -> None:
    copy = realm.replica()
    assert copy.address != realm.address
    assert copy.directory.domain_sid == realm.directory.domain_sid

    copy.stop()

    assert not answers(copy.address)
    with pytest.raises(LabError, match="has ended"):
        copy.directory.find("HV01")


def test_it_dies_with_whoever_started_it(realm: SambaDomain, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from snlm_lib.clock import SystemClock
from snlm_lib.lab.samba import SambaDomain, SambaTemplate
template = SambaTemplate(Path(sys.argv[1]), "CORP", "corp.example", "DC01", {"DC01": "dc01.corp.example"}, {})
print(SambaDomain(template, Path(sys.argv[2]), clock=SystemClock()).address, flush=True)
sys.stdin.read()
"""
    argv = [sys.executable, "-c", program, str(realm.template.folder), str(tmp_path / "dc")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        address = owner.stdout.readline().strip()
        assert answers(address)
        owner.kill()
    end = time.monotonic() + 15
    while answers(address):
        assert time.monotonic() < end, f"Samba still answers at {address}"


def answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 389), timeout=1):
            return True
    except OSError:
        return False


def test_what_cannot_start_is_told_with_its_log(realm: SambaDomain, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "etc").mkdir(parents=True)
    (broken / "private").mkdir()
    (broken / "etc" / "smb.conf").write_text("[global]\nserver role = no such role\n", encoding="utf-8")
    template = SambaTemplate(broken, "CORP", "corp.example", "DC01", {"DC01": "dc01.corp.example"}, {})

    with pytest.raises(LabError, match=r"did not answer at 127\.88\.0\.\d+"):
        SambaDomain(template, tmp_path / "dc", clock=SystemClock())
