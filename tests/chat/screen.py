"""The real risk rules, read once for all tests of the screen."""

from __future__ import annotations

from chat.risk import RiskScreen
from chat.rulebook import Rulebook

RULES = Rulebook()
SCREEN = RiskScreen(RULES)
