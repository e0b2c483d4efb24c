"""guide-chat: ask the guide on the command line, or serve its window."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from indexer.errors import GuideError

if TYPE_CHECKING:
    from chat.guide import Guide
    from chat.types import Reply


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns 0 when it worked, 1 for an explained problem, 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options, parser))
    except GuideError as problem:
        print(f"guide-chat: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guide-chat", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    ask = commands.add_parser("ask", help="answer one question, or a file of them")
    ask.add_argument("question", nargs="?", help="the question (default: none; needed without --jsonl)")
    ask.add_argument("--json", action="store_true", help="print the reply as JSON (default: as text)")
    ask.add_argument(
        "--jsonl",
        action="store_true",
        help="read one question a line from stdin, write one reply a line (default: off)",
    )
    ask.add_argument(
        "--country", metavar="CODE", help="ISO code for helplines (default: $GUIDE_COUNTRY or none)"
    )
    ask.add_argument(
        "--hits", type=int, default=10, metavar="N", help="ranked passages listed in a reply (default: 10)"
    )
    _add_index(ask)
    ask.set_defaults(run=_ask)

    serve = commands.add_parser("serve", help="open the window and the JSON API")
    serve.add_argument(
        "--host",
        default=os.environ.get("GUIDE_HOST", "127.0.0.1"),
        help="address (default: $GUIDE_HOST or 127.0.0.1)",
    )
    serve.add_argument(
        "--port",
        type=int,
        default=int(os.environ.get("GUIDE_PORT", "7860")),
        help="port (default: $GUIDE_PORT or 7860)",
    )
    _add_index(serve)
    serve.set_defaults(run=_serve)
    return parser


def _add_index(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--index", type=Path, metavar="DIR", help="the index folder (default: $GUIDE_INDEX or .index)"
    )


def _ask(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if options.hits < 0:
        parser.error("--hits must be 0 or more")
    if not options.jsonl and not (options.question or "").strip():
        parser.error("ask needs a question, or --jsonl with questions on stdin")
    from chat.guide import Guide

    guide = Guide.open(options.index)
    country = options.country or os.environ.get("GUIDE_COUNTRY")
    if options.jsonl:
        answer_lines(guide, sys.stdin, sys.stdout, country, options.hits)
        return 0
    reply = guide.reply(options.question, country=country, hits=options.hits)
    print(json.dumps(reply.to_json(), ensure_ascii=False, indent=2) if options.json else render_reply(reply))
    return 0


def answer_lines(guide: Guide, lines: TextIO, out: TextIO, country: str | None, hits: int) -> None:
    """Answer question lines, one reply line each, in order.

    A line that cannot be read gets `{"id": ..., "error": "..."}` and the run goes on. Blank lines
    are passed over.
    """
    for line in lines:
        if line.strip():
            print(
                json.dumps(answer_line(guide, line, country, hits), ensure_ascii=False), file=out, flush=True
            )


def answer_line(guide: Guide, line: str, country: str | None = None, hits: int = 10) -> dict[str, Any]:
    """Return the reply to one question line, or its error, as the outside contract says."""
    question_id: Any = None
    try:
        question = json.loads(line)
        if not isinstance(question, dict):
            raise ValueError('a question line must be an object such as {"id": "1", "message": "…"}')
        question_id = question.get("id")
        return answer_question(guide, question, country, hits)
    except UnicodeEncodeError:
        return {"id": None, "error": "the line holds half a surrogate pair, which is no text"}
    except (ValueError, RecursionError) as error:
        return {"id": question_id, "error": str(error)}


def answer_question(
    guide: Guide, question: dict[str, Any], country: str | None = None, hits: int = 10
) -> dict[str, Any]:
    """Return the reply line to one question object; raise ValueError where its form is wrong."""
    return reply_to(guide, question, country, hits).to_json() | {"id": question.get("id")}


def reply_to(guide: Guide, question: dict[str, Any], country: str | None = None, hits: int = 10) -> Reply:
    """Return the reply to one question object; raise ValueError where its form is wrong."""
    message = question.get("message")
    if not isinstance(message, str):
        raise ValueError('"message" is missing or is not text')
    json.dumps(question, ensure_ascii=False).encode()  # half a surrogate pair is no text: UnicodeEncodeError
    history = question.get("history") or []
    if not isinstance(history, list):
        raise ValueError('"history" must be a list of turns')
    own = question.get("country") or country
    if own is not None and not isinstance(own, str):
        raise ValueError('"country" must be an ISO code such as "GB"')
    return guide.reply(message, history, own, hits)


def render_reply(reply: Reply) -> str:
    """Return a reply for a terminal: the text, then each source once, then what to ask next."""
    lines = [reply.text]
    if reply.citations:
        lines.append("\nSources")
        for c in reply.citations:
            place = f", page {c.page}" if c.page else ""
            heading = f": {c.heading}" if c.heading else ""
            lines.append(f"[{c.n}] {c.title}{heading} ({c.document}{place}; {', '.join(c.evidence)})")
    if reply.suggestions:
        lines.append("\nYou could also ask")
        lines += [f"- {question}" for question in reply.suggestions]
    return "\n".join(lines)


def _serve(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from chat.app import serve
    from chat.guide import Guide

    serve(Guide.open(options.index), options.host, options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
