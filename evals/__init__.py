"""How well the guide retrieves, grounds, abstains, follows up and keeps people safe."""

SUITES = (
    "retrieval",
    "grounding",
    "nuggets",
    "abstention",
    "followups",
    "misuse",
    "safety",
    "robustness",
    "latency",
)
