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

# What `guide-evals run` measures unless told otherwise: robustness takes a minute or two by itself.
USUAL_SUITES = tuple(suite for suite in SUITES if suite != "robustness")
