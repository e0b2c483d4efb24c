"""The conversation: screen for risk, retrieve, answer with sources, or say that there is none."""

from chat.guide import Guide
from chat.types import Reply, RiskAssessment, Turn

__all__ = ["Guide", "Reply", "RiskAssessment", "Turn"]
