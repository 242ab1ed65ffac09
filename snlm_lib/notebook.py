"""The names a notebook may use, and nothing else.

A notebook tells the story; what needs a test is in the library behind these names.
"""

from __future__ import annotations

from snlm_lib.change.checks.preflight import preflight
from snlm_lib.change.delegation import acts as delegation_acts
from snlm_lib.change.delegation import delegation_rows, plan_delegation
from snlm_lib.change.proofs import delegation_proofs, settings_proofs
from snlm_lib.change.settings import acts as settings_acts
from snlm_lib.change.settings import plan_settings, settings_rows
from snlm_lib.step import begin, card
from snlm_lib.steps import explore, figures, forecast, gates, gather, monitor, move, verify, what_if

__all__ = [
    "begin",
    "card",
    "delegation_acts",
    "delegation_proofs",
    "delegation_rows",
    "explore",
    "figures",
    "forecast",
    "gates",
    "gather",
    "monitor",
    "move",
    "plan_delegation",
    "plan_settings",
    "preflight",
    "settings_acts",
    "settings_proofs",
    "settings_rows",
    "verify",
    "what_if",
]
