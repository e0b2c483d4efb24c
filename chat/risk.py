"""The risk screen: sees danger in a message before anything is retrieved.

Two layers look at each message. The rules (chat/rules) know wordings; the second net (chat/net.py) knows
what the encoder makes of the whole. Either may raise the alarm, and the net may quieten a rule that is
often wrong. Where the net is missing the screen stays on the careful side: weak signs count as danger.
Rules and examples were written without a clinician, from the published work named in the README.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from chat.net import NET, Danger, NetBroken, RiskNet
from chat.normalise import Normalised
from chat.rulebook import Finding, Rulebook, Sentence
from chat.types import LEVELS, Category, Level, RiskAssessment, Turn
from indexer.encoder import Encoder, ReadHalf, SentenceEncoder

LONGEST = 40_000  # characters screened; the middle of a longer message is not read and so not trusted
LONGEST_QUESTION = 8_000  # characters of the guide's last turn: its question stands before the helplines
TURNS_JOINED = 4  # user turns, this one included, whose weak signs count together
TURNS_REMEMBERED = 12  # user turns looked back upon for danger
LINES_REMEMBERED = 4096  # of answers that were found sayable or not
CALM_TURNS = 2  # ordinary questions after which earlier danger no longer colours the answers

# Which danger is named when several fit at the same level: what is happening now, then whom it can hurt.
ORDER: tuple[Category, ...] = (
    "medical_emergency",
    "child_risk",
    "harm_others",
    "self_harm",
    "self_harm_other",
    "partner_violence",
    "stalking_control",
    "pursuit_by_user",
    "legal_order",
    "distress",
)
NONE = RiskAssessment("none")
ERROR = RiskAssessment("concern", "self_harm", rule="error")
SURE = 0.9  # probability from which the net alone gives the category's own level, and not only concern
USUAL: Mapping[Category, Level] = {
    "stalking_control": "concern",
    "pursuit_by_user": "concern",
    "legal_order": "concern",
}
REPAIRED = 0.06  # share of letters that the normaliser changed from which the net reads its version too
_MARKS = re.compile(r" ?\[\d+\]")  # of citations
log = logging.getLogger("chat")


@dataclass(frozen=True, slots=True)
class _Reading:
    """One turn as the screen sees it."""

    message: str
    normal: Normalised
    sentences: list[Sentence]
    clues: set[str]
    own: RiskAssessment  # of this turn alone


class RiskScreen:
    """Assesses messages in English. Holds no state between calls and keeps nothing that was said."""

    def __init__(
        self, rules: Rulebook, net: RiskNet | None = None, read: ReadHalf | None = None, careful: bool = False
    ) -> None:
        """`read`: how the net gets its readings where a call brings none. `careful`: there should be a
        net and there is none."""
        self.rules = rules
        self.net = net
        self.careful = careful
        self._reader = read
        self._sayable: dict[str, bool] = {}  # lines of answers, none of which anybody wrote to the guide

    @classmethod
    def open(cls, encoder: Encoder | None = None) -> Self:
        """The screen with the rules that lie beside this module, and with the net for `encoder`.

        `RulesBroken` where the rules cannot be read. A net that cannot be used is logged, and the screen
        is careful then. Without an encoder the rules work alone.
        """
        if encoder is None:
            return cls(Rulebook())
        try:
            if not isinstance(encoder, SentenceEncoder):
                raise NetBroken(NET, f"the encoder {encoder.name} gives no token vectors")
            return cls(Rulebook(), RiskNet.open(encoder.name), encoder.read_half)
        except NetBroken as problem:
            log.error("%s. Until then the risk screen takes weak signs for danger.", problem)
            return cls(Rulebook(), careful=True)

    def assess(
        self, message: str, history: Sequence[Turn] = (), read: ReadHalf | None = None
    ) -> RiskAssessment:
        """The gravest thing in the message or, weaker, in the turns before it.

        `read` gives the encoder's readings of texts, where the caller has them already. Never raises:
        whatever goes wrong gives a careful `concern`, never `none`.
        """
        try:
            return self._assess(message, history, read or self._reader)
        except Exception:  # the one place where any bug must still lead to the careful text
            return ERROR

    def assess_by_layer(self, message: str, read: ReadHalf | None = None) -> dict[str, RiskAssessment]:
        """What each layer sees in `message` by itself, for those who measure: "rules" and, if there, "net"."""
        found = {"rules": RiskScreen(self.rules).assess(message)}
        read = read or self._reader
        if self.net and read:
            danger = self.net.see(_spellings(message, self.rules.normaliser(message)), read)
            raised = danger.probability >= self.net.facts.threshold
            found["net"] = RiskAssessment(_level(danger), danger.category, rule="net") if raised else NONE
        return found

    def assess_answer(self, text: str) -> bool:
        """False for a text that the guide must not say: methods, blame, ways round a block, a refusal to talk."""
        try:
            return all(self._is_sayable(line) for line in _MARKS.sub("", text).splitlines())
        except Exception:  # as above: what cannot be checked is not said
            return False

    def _is_sayable(self, line: str) -> bool:
        """Remembered, since answers are made of the same paragraphs of the corpus again and again."""
        if line not in self._sayable:
            if len(self._sayable) >= LINES_REMEMBERED:
                self._sayable.clear()
            self._sayable[line] = not self.rules.says("unsayable", self._read(line).sentences)
        return self._sayable[line]

    def _assess(self, message: str, history: Sequence[Turn], read: ReadHalf | None) -> RiskAssessment:
        reading = self._read(message, read)
        said = [turn.content for turn in history if turn.role == "user"]
        earlier = [self._read(content, read) for content in said[-TURNS_REMEMBERED:]]
        candidates = [reading.own]
        candidates.extend(self._spread_over_turns(reading, earlier))
        candidates.extend(self._read_together(reading, earlier, read))
        candidates.extend(self._answers_a_question(reading, earlier, history))
        candidates.extend(self._remembered(earlier))
        return _gravest(candidates)

    def alarms(self, message: str) -> list[RiskAssessment]:
        """What each of the rules sees in `message`, before the net is asked, for those who fit the net."""
        normal = self.rules.normaliser(message)
        sentences = self.rules.sentences(normal)
        return self._ruled(normal, sentences, self.rules.clues(sentences))

    def _ruled(self, normal: Normalised, sentences: list[Sentence], clues: set[str]) -> list[RiskAssessment]:
        found = [
            RiskAssessment(f.rule.level, f.rule.category, normal.original_span(f.start, f.end), f.rule.id)
            for f in _outermost(self.rules.findings(sentences))
        ]
        if (joint := self.rules.combination(clues)) is not None:
            found.append(RiskAssessment(joint.level, joint.category, rule=joint.id))
        return found

    def _second_opinion(
        self, message: str, normal: Normalised, alarms: Sequence[RiskAssessment], read: ReadHalf | None
    ) -> RiskAssessment:
        """The gravest of the rules' alarms that stands when the net is asked too, or what only the net sees."""
        if self.net is None or read is None:
            return _gravest(alarms)
        try:
            danger = self.net.see(_spellings(message, normal), read)
        except Exception:  # a broken net must not hide what the rules saw
            return _gravest([*alarms, ERROR])
        ruled = _gravest(self._weighed(alarm, danger, self.net) for alarm in alarms)
        if ruled.routes:
            return ruled
        if danger.probability >= self.net.facts.threshold:
            return RiskAssessment(_level(danger), danger.category, rule="net")
        if ruled.level == "none" and danger.probability >= self.net.facts.uneasy:
            return RiskAssessment("support", danger.category, rule="net-uneasy")
        return ruled

    @staticmethod
    def _weighed(alarm: RiskAssessment, danger: Danger, net: RiskNet) -> RiskAssessment:
        """An alarm that net and rule together hold unlikely becomes a line of support."""
        if not alarm.routes or not alarm.rule:
            return alarm
        stands = net.with_rule(danger, alarm.rule) >= net.facts.stands
        return alarm if stands else replace(alarm, level="support")

    def _read(self, message: str, read: ReadHalf | None = None) -> _Reading:
        too_long = len(message) > LONGEST
        if too_long:
            message = message[: LONGEST // 2] + "\n" + message[-LONGEST // 2 :]
        normal = self.rules.normaliser(message)
        sentences = self.rules.sentences(normal)
        clues = self.rules.clues(sentences)
        alarms = self._ruled(normal, sentences, clues)
        if self.careful and clues:
            alarms.append(RiskAssessment("concern", "self_harm", rule="careful"))
        own = self._second_opinion(message, normal, alarms, read)
        if too_long:  # places in a message that was cut are not those of the message that was sent
            own = _gravest([replace(own, span=None), RiskAssessment("concern", "self_harm", rule="too-long")])
        return _Reading(message, normal, sentences, clues, own)

    def _spread_over_turns(self, reading: _Reading, earlier: list[_Reading]) -> Iterable[RiskAssessment]:
        """Weak signs of the last turns together, when this turn adds one."""
        if not reading.clues:
            return
        before = set().union(*(turn.clues for turn in earlier[-(TURNS_JOINED - 1) :])) if earlier else set()
        joint = self.rules.combination(before | reading.clues)
        if joint is not None and self.rules.combination(before) != joint:
            yield RiskAssessment(joint.level, joint.category, rule=joint.id)

    def _read_together(
        self, reading: _Reading, earlier: list[_Reading], read: ReadHalf | None
    ) -> Iterable[RiskAssessment]:
        """What the net makes of the last turns as one message; turns from before a referral count no more."""
        if self.net is None or read is None:
            return
        turns = [reading]
        for turn in reversed(earlier[-(TURNS_JOINED - 1) :]):
            if turn.own.routes or self._moved_on(turn):
                break
            turns.insert(0, turn)
        if len(turns) < 2 or reading.own.routes:
            return
        try:
            danger = self.net.see_together([turn.message for turn in turns], read)
        except Exception:  # as in _second_opinion
            yield ERROR
            return
        if danger.probability >= self.net.facts.threshold:
            yield RiskAssessment(_level(danger), danger.category, rule="net-together")

    def _answers_a_question(
        self, reading: _Reading, earlier: list[_Reading], history: Sequence[Turn]
    ) -> Iterable[RiskAssessment]:
        """ "yes" to "are you thinking of ending your life?", "no" to "are you safe?"."""
        if not history or history[-1].role != "assistant":
            return
        yes = self.rules.says("yes", reading.sentences[:1])
        no = self.rules.says("no", reading.sentences[:1])
        if not yes and not no:
            return
        asked = self.rules.sentences(self.rules.normaliser(history[-1].content[-LONGEST_QUESTION:]))
        if (yes and self.rules.says("asks_if_at_risk", asked)) or (
            no and self.rules.says("asks_if_safe", asked)
        ):
            about = [turn.own.category for turn in earlier if turn.own.routes]
            yield RiskAssessment("crisis", about[-1] if about else "self_harm", rule="answered")

    def _remembered(self, earlier: list[_Reading]) -> Iterable[RiskAssessment]:
        """Earlier danger keeps later turns at `support`, the one that says "I am safe now" included."""
        category: Category | None = None
        calm = 0
        for turn in earlier:
            if turn.own.routes:
                category, calm = turn.own.category, 0
            elif self._moved_on(turn):
                category = None
            elif self._is_ordinary(turn):
                calm += 1
                category = None if calm >= CALM_TURNS else category
        if category is not None:
            yield RiskAssessment("support", category, rule="history")

    def _moved_on(self, turn: _Reading) -> bool:
        return self.rules.says("is_safe", turn.sentences) and not turn.own.routes

    def _is_ordinary(self, turn: _Reading) -> bool:
        return (
            turn.own.level == "none"
            and self.rules.says("ordinary", turn.sentences)
            and not self.rules.says("takes_back", turn.sentences)
        )


def _spellings(message: str, normal: Normalised) -> list[str]:
    """The message, and how the normaliser reads it where that is much different."""
    written = Counter(c for c in message.lower() if c.isalpha())
    read = Counter(c for c in normal.text if c.isalpha())
    changed = (written - read).total() + (read - written).total()
    return [message, normal.text] if changed > REPAIRED * max(1, written.total()) else [message]


def _level(danger: Danger) -> Level:
    """The level of what only the net sees."""
    return USUAL.get(danger.category, "crisis") if danger.probability >= SURE else "concern"


def _gravest(candidates: Iterable[RiskAssessment]) -> RiskAssessment:
    """The highest level; then the order above; then one that can show its words."""
    return min(
        candidates,
        key=lambda c: (
            -LEVELS.index(c.level),
            ORDER.index(c.category) if c.category else len(ORDER),
            c.span is None,
            c.span or (0, 0),
        ),
        default=NONE,
    )


def _outermost(findings: list[Finding]) -> list[Finding]:
    """Without "wants to die" where "my sister says she wants to die" was found around it."""
    around = [f for f in findings if f.rule.category == "self_harm_other"]
    return [
        f
        for f in findings
        if f.rule.category != "self_harm"
        or not any(o.start <= f.start and f.end <= o.end and o.start < f.start for o in around)
    ]
