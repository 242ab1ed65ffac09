"""The configuration that `winrm get winrm/config` would show."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from snlm_lib.lab.wsman_config import CONFIG_URI, config

NAMESPACES = {"cfg": CONFIG_URI}


def test_the_envelope_size_comes_first_and_the_rest_is_a_recorded_hosts() -> None:
    root = ET.fromstring(config(500))
    assert root.tag == f"{{{CONFIG_URI}}}Config"
    assert (root[0].tag.rpartition("}")[2], root[0].text) == ("MaxEnvelopeSizekb", "500")
    assert root.findtext("cfg:Service/cfg:Auth/cfg:CbtHardeningLevel", namespaces=NAMESPACES) == "Relaxed"
    assert root.findtext("cfg:Service/cfg:AllowUnencrypted", namespaces=NAMESPACES) == "false"
    assert [child.tag.rpartition("}")[2] for child in root][-3:] == ["Client", "Service", "Winrs"]
