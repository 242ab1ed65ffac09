"""The service's configuration as `winrm get winrm/config` tells it: a table, and how it is written.

Names, order and values are a recorded Windows Server's; but for ``MaxEnvelopeSizekb`` nothing of it
rules the lab, whose own sign-on rules are in its scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from xml.sax.saxutils import escape

__all__ = ["CONFIG_URI", "config"]

CONFIG_URI = "http://schemas.microsoft.com/wbem/wsman/1/config"

_Tree: TypeAlias = "Mapping[str, str | _Tree]"

_ENDLESS = "2147483647"
_PORTS = {"HTTP": "5985", "HTTPS": "5986"}
_CONFIG: _Tree = {
    "MaxTimeoutms": "60000",
    "MaxBatchItems": "32000",
    "MaxProviderRequests": "4294967295",
    "Client": {
        "NetworkDelayms": "5000",
        "URLPrefix": "wsman",
        "AllowUnencrypted": "false",
        "Auth": {
            **dict.fromkeys(("Basic", "Digest", "Kerberos", "Negotiate", "Certificate"), "true"),
            "CredSSP": "false",
        },
        "DefaultPorts": _PORTS,
        "TrustedHosts": "",
    },
    "Service": {
        "RootSDDL": "O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;IU)S:P(AU;FA;GA;;;WD)(AU;SA;GXGW;;;WD)",
        "MaxConcurrentOperations": "4294967295",
        "MaxConcurrentOperationsPerUser": "1500",
        "EnumerationTimeoutms": "240000",
        "MaxConnections": "300",
        "MaxPacketRetrievalTimeSeconds": "120",
        "AllowUnencrypted": "false",
        "Auth": {
            **dict.fromkeys(("Basic", "Kerberos", "Negotiate"), "true"),
            "Certificate": "false",
            "CredSSP": "true",
            "CbtHardeningLevel": "Relaxed",
        },
        "DefaultPorts": _PORTS,
        "IPv4Filter": "*",
        "IPv6Filter": "*",
        "EnableCompatibilityHttpListener": "false",
        "EnableCompatibilityHttpsListener": "false",
        "CertificateThumbprint": "",
        "AllowRemoteAccess": "true",
    },
    "Winrs": {
        "AllowRemoteShellAccess": "true",
        "IdleTimeout": "7200000",
        "MaxConcurrentUsers": _ENDLESS,
        "MaxShellRunTime": _ENDLESS,
        "MaxProcessesPerShell": _ENDLESS,
        "MaxMemoryPerShellMB": _ENDLESS,
        "MaxShellsPerUser": _ENDLESS,
    },
}


def config(envelope_kib: int) -> str:
    """The whole configuration as one element; ``envelope_kib``: the largest envelope this service sends."""
    tree: _Tree = {"MaxEnvelopeSizekb": str(envelope_kib), **_CONFIG}
    return f'<cfg:Config xmlns:cfg="{CONFIG_URI}">{_inner(tree)}</cfg:Config>'


def _inner(tree: _Tree) -> str:
    return "".join(
        f"<cfg:{name}>{escape(value) if isinstance(value, str) else _inner(value)}</cfg:{name}>"
        for name, value in tree.items()
    )
