"""The page of the local cloud that shows what its SNS topics have sent, the newest first."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import parse_qs

REFRESH_SECONDS = 5
JSON_TYPE, HTML_TYPE = "application/json", "text/html; charset=utf-8"
_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } .hint { opacity: .7; margin: .2rem 0 1.5rem; }
article { border: 1px solid var(--line); border-left: 6px solid var(--line); border-radius: 6px;
  margin: 0 0 1rem; padding: .7rem 1rem; }
article.ALARM { border-left-color: #d13212; } article.OK { border-left-color: #1d8102; }
article.INSUFFICIENT_DATA { border-left-color: #879596; }
h2 { font-size: 1.05rem; margin: 0 0 .25rem; overflow-wrap: anywhere; } p { margin: .25rem 0; }
.state { border-radius: 4px; color: #fff; font-size: .8rem; padding: .1rem .45rem; background: #687078; }
.ALARM .state { background: #d13212; } .OK .state { background: #1d8102; }
.where { font-size: .87rem; opacity: .8; overflow-wrap: anywhere; }
pre { background: #8881; border-radius: 4px; font-size: .82rem; margin: .4rem 0 0; max-height: 26rem; overflow: auto;
  padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; } summary { cursor: pointer; font-size: .87rem; }
"""

# a message that is open is being read
_SCRIPT = f"setInterval(() => document.querySelector('details[open]') || location.reload(), {REFRESH_SECONDS * 1000})"


@dataclass(frozen=True)
class TopicMessage:
    """One message that a topic has sent, to whomever; `at` is in seconds since 1970."""

    at: float
    topic: str
    region: str
    subject: str
    body: str

    @property
    def document(self) -> Mapping[str, Any]:
        """The body of an alarm's message; empty for any other."""
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) and "AlarmName" in parsed else {}

    def as_json(self) -> dict[str, Any]:
        alarm = {"alarm": self.document.get("AlarmName"), "state": self.document.get("NewStateValue")}
        return asdict(self) | {"time": _time(self.at)} | alarm


def asks_for_json(query: str, accept: str) -> bool:
    """`?format=json` decides; without it what the client accepts, and a browser accepts HTML."""
    chosen = parse_qs(query).get("format", [""])[-1]
    return chosen == "json" if chosen else "json" in accept and "html" not in accept


def messages_document(messages: Iterable[TopicMessage], *, as_json: bool) -> tuple[str, bytes]:
    """The content type, and the page or document."""
    newest_first = sorted(messages, key=lambda message: message.at, reverse=True)
    if as_json:
        return JSON_TYPE, json.dumps({"messages": [message.as_json() for message in newest_first]}).encode()
    return HTML_TYPE, _page(newest_first).encode()


def _page(messages: list[TopicMessage]) -> str:
    shown = "\n".join(_article(message) for message in messages)
    count = f"{len(messages)} message{'' if len(messages) == 1 else 's'}"
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{count} of the local cloud</title>
<style>{_STYLE}</style></head>
<body>
<h1>Messages of the local cloud's SNS topics</h1>
<p class="hint">{count}, the newest first. The page reloads every {REFRESH_SECONDS} s.
<a href="?format=json">As JSON</a></p>
{shown or "<p>No topic has sent anything yet.</p>"}
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _article(message: TopicMessage) -> str:
    document = message.document
    state = str(document.get("NewStateValue", ""))
    badge = f'<span class="state">{escape(state)}</span> ' if state else ""
    title = str(document.get("AlarmName") or message.subject or "(no subject)")
    where = [_time(message.at), message.region, f"topic {message.topic.rpartition(':')[2]}"]
    where += [message.subject] if message.subject not in {"", title} else []
    return f"""<article class="{escape(state)}">
<h2>{badge}{escape(title)}</h2>
<p class="where">{escape(" · ".join(where))}</p>
{_body(message)}
</article>"""


def _body(message: TopicMessage) -> str:
    document = message.document
    if not document:
        return f"<pre>{escape(message.body)}</pre>"
    described = f"<p>{escape(str(document['AlarmDescription']))}</p>" if document.get("AlarmDescription") else ""
    why = f"<p>{escape(str(document.get('NewStateReason', '')))}</p>"
    whole = escape(json.dumps(document, indent=2, ensure_ascii=False))
    return f"{described}{why}<details><summary>the message</summary><pre>{whole}</pre></details>"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
