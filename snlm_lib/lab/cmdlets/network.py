"""Modules Storage, NetSecurity, DnsClient and NetTCPIP: volumes, rules, names, ports."""

from __future__ import annotations

from collections.abc import Iterator

from snlm_lib.lab.binder import Bound
from snlm_lib.lab.cmdlets.objects import build
from snlm_lib.lab.cmdlets.table import Context, cmdlet
from snlm_lib.lab.cmdlets.wildcard import has_wildcard, matches
from snlm_lib.lab.language import spoken
from snlm_lib.lab.values import PsValue
from snlm_lib.lab.world import FirewallRule

__all__: list[str] = []

_NOT_FOUND, _NOT_IMPLEMENTED, _UNAVAILABLE = 13, 11, 21
_CIM_JOB = "Microsoft.PowerShell.Cmdletization.Cim.CimJobException"
_WIN32 = "System.ComponentModel.Win32Exception"


@cmdlet("Get-Volume", honours=("DriveLetter",))
def get_volume(context: Context, bound: Bound) -> Iterator[object]:
    letters = [letter.upper() for letter in bound.get("DriveLetter", sorted(context.host.volumes))]
    for letter in letters:
        volume = context.host.volumes.get(letter)
        if volume is None:
            text = f"No MSFT_Volume objects found with property 'DriveLetter' equal to '{letter}'."
            record = context.record(text, "CmdletizationQuery_NotFound_DriveLetter", _NOT_FOUND, exception=_CIM_JOB)
            context.error(record)
            continue
        values: dict[str, object] = {
            "UniqueId": f"\\\\?\\Volume{{{context.host.name}-{letter}}}\\",
            "AllocationUnitSize": 4096,
            "DriveLetter": letter,
            "DriveType": "Fixed",
            "FileSystem": "NTFS",
            "FileSystemLabel": volume.label,
            "FileSystemType": "NTFS",
            "HealthStatus": "Healthy",
            "OperationalStatus": "OK",
            "Path": f"{letter}:\\",
            "Size": volume.size_bytes,
            "SizeRemaining": context.host.free_bytes(letter),
        }
        yield build("MSFT_Volume", values, to_string="MSFT_Volume")


def _rule_object(context: Context, rule: FirewallRule) -> PsValue:
    values: dict[str, object] = {
        "InstanceID": rule.name,
        "Name": rule.name,
        "ID": rule.name,
        "DisplayName": spoken(context.host.locale, rule.display_name),
        "Enabled": "True" if rule.enabled else "False",
        "Profile": "Any",
        "Direction": "Inbound",
        "Action": "Allow",
        "EdgeTraversalPolicy": "Block",
        "PrimaryStatus": "OK",
        "Status": "The rule was parsed successfully from the store. (65536)",
        "PolicyStoreSource": "PersistentStore",
        "PolicyStoreSourceType": "Local",
    }
    return build("MSFT_NetFirewallRule", values, to_string="MSFT_NetFirewallRule", live=rule)


@cmdlet("Get-NetFirewallRule", honours=("Name", "All"))
def get_net_firewall_rule(context: Context, bound: Bound) -> Iterator[object]:
    for pattern in bound.get("Name", ["*"]):
        found = [rule for rule in context.host.firewall.values() if matches(pattern, rule.name)]
        if not found and not has_wildcard(pattern):
            text = (
                f"No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '{pattern}'. "
                "Verify the value of the property and retry."
            )
            error_id = "CmdletizationQuery_NotFound_InstanceID"
            context.error(context.record(text, error_id, _NOT_FOUND, target=pattern, exception=_CIM_JOB))
        for rule in found:
            yield _rule_object(context, rule)


@cmdlet("Resolve-DnsName", honours=("Name", "Type"))
def resolve_dns_name(context: Context, bound: Bound) -> Iterator[object]:
    name: str = bound.get("Name")
    if bound.get("Type", "A") not in ("A", "A_AAAA"):
        text = f"The lab does not simulate {bound.get('Type')} records."
        context.error(context.record(text, "NotSimulated", _NOT_IMPLEMENTED, target=name))
        return
    host = context.world.seen_from(context.host, name)
    if host is None:
        error_id = "DNS_ERROR_RCODE_NAME_ERROR"
        text = f"{name} : DNS name does not exist"
        context.error(context.record(text, error_id, _UNAVAILABLE, target=name, exception=_WIN32))
        return
    values: dict[str, object] = {
        "Name": host.fqdn,
        "Type": "A",
        "CharacterSet": "Unicode",
        "Section": "Answer",
        "DataLength": 4,
        "TTL": 1200,
        "Address": host.address,
        "IP4Address": host.address,
        "IPAddress": host.address,
        "QueryType": "A",
    }
    yield build("DnsRecord_A", values)


@cmdlet("Test-NetConnection", honours=("ComputerName", "Port"))
def test_net_connection(context: Context, bound: Bound) -> Iterator[object]:
    name: str = bound.get("ComputerName", "internetbeacon.msedge.net")
    target = context.world.seen_from(context.host, name)
    port: int | None = bound.get("Port")
    reached = target is not None and port is not None and (target is context.host or target.accepts(port))
    if target is None:
        context.sink.warning(f"Name resolution of {name} failed")
    elif port is not None and not reached:
        context.sink.warning(f"TCP connect to ({target.address} : {port}) failed")
    values: dict[str, object] = {
        "ComputerName": name,
        "RemoteAddress": target.address if target is not None else None,
        "RemotePort": port if port is not None else 0,
        "InterfaceAlias": "Ethernet",
        "SourceAddress": context.host.address,
        "NameResolutionSucceeded": target is not None,
        "PingSucceeded": target is not None and not reached,
        "TcpTestSucceeded": reached,
    }
    yield build("NetConnectionResults", values, to_string=f"NetConnectionResults ({name})")
