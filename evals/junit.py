"""A saved run as JUnit XML, which build servers read: one test case for each case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from evals.report import breaches


def render_junit(saved: Mapping[str, Any], known_wrong: Mapping[str, bool] | None = None) -> str:
    """Return the XML of a run.

    A case that is wrong is a failure; where `known_wrong` says that the baseline has it wrong as
    well, it counts as skipped. Breached floors are failures of a suite of their own.
    """
    known = known_wrong or {}
    root = ElementTree.Element("testsuites", name="guide-evals")
    for part, right in saved["right"].items():
        suite = ElementTree.SubElement(root, "testsuite", name=part, tests=str(len(right)))
        failures = skipped = 0
        for case, passed in right.items():
            node = ElementTree.SubElement(suite, "testcase", classname=f"evals.{part}", name=case)
            if passed:
                continue
            if known.get(case) is False and saved["must"].get(case, True):
                skipped += 1
                ElementTree.SubElement(node, "skipped", message="wrong in the baseline too")
            else:
                failures += 1
                how = f"See why with: guide-evals explain {case}"
                ElementTree.SubElement(node, "failure", message="wrong reply").text = how
        suite.set("failures", str(failures))
        suite.set("skipped", str(skipped))
    _add_floors(root, saved)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_floors(root: ElementTree.Element, saved: Mapping[str, Any]) -> None:
    metrics = [m for found in saved["suites"].values() for m in found] + saved["times"]["metrics"]
    judged = [m for m in metrics if m["floor"] is not None]
    breached = set(breaches(saved))
    failed = str(len([m for m in judged if m["name"] in breached]))
    suite = ElementTree.SubElement(root, "testsuite", name="floors", tests=str(len(judged)), failures=failed)
    for metric in judged:
        node = ElementTree.SubElement(suite, "testcase", classname="evals.floors", name=metric["name"])
        if metric["name"] in breached:
            message = f"{metric['value']} is on the wrong side of {metric['floor']}"
            ElementTree.SubElement(node, "failure", message=message)
