"""The page at `/`: the sequences for people. Pure: records in, HTML out.

Every text is untrusted: it is escaped, and an email's HTML is in a sandboxed frame without scripts, requests or
navigation. The page itself has no script.
"""

from __future__ import annotations

import html
from collections.abc import Sequence as Many
from string import Template, ascii_uppercase

from sequence_sync.sandbox.model import Account, Sequence, Step, Variant

OPEN_AT_FIRST = 5  # sequences; the others are in folds
CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
HEADERS = {
    "content-security-policy": f"{CSP}; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def render(sequences: Many[Sequence], account: Account) -> str:
    """Return the page, newest sequence first."""
    parts = [_sequence(one, account, index < OPEN_AT_FIRST) for index, one in enumerate(reversed(sequences))]
    steps = sum(len(one.steps) for one in sequences)
    count = f"{_several(len(sequences), 'sequence')}, {_several(steps, 'step')}"
    return PAGE.substitute(count=count, csp=html.escape(CSP), sequences="\n".join(parts) or EMPTY)


def _sequence(sequence: Sequence, account: Account, is_open: bool) -> str:
    senders = [one.email for link in sequence.senders for one in account.senders if one.id == link.account]
    sent_from = ", ".join(senders) or "no account"
    days = f", {sequence.steps[-1].day} days" if sequence.steps else ""
    state, word = ("on", "Active") if sequence.active else ("off", "Inactive")
    steps, before = [], 0
    for number, step in enumerate(sequence.steps, start=1):
        steps.append(_step(step, number, before))
        before = step.day
    return (
        f'<details class="sequence"{" open" if is_open else ""}><summary><h2>{_text(sequence.title)}</h2>'
        f'<span class="pill {state}">{word}</span></summary>'
        f'<p class="facts">{_several(len(sequence.steps), "step")}{days} · from {_text(sent_from)}'
        f" · <code>{_text(sequence.id)}</code></p>"
        f'<ol class="timeline">{"".join(steps) or "<li><p>No steps yet.</p></li>"}</ol></details>'
    )


def _step(step: Step, number: int, before: int) -> str:
    gap = step.day - before
    wait = f"{_several(gap, 'day')} later" if before and gap else ("the same day" if before else "")
    cards = "".join(
        _variant(step, variant, letter) for variant, letter in zip(step.variants, ascii_uppercase, strict=False)
    )
    return (
        f'<li class="{step.kind.channel.lower()}"><p class="day"><b>Day {step.day}</b> <small>{wait}</small></p>'
        f"<div><h3><span>{step.kind.channel}</span> Step {number}: {_text(step.kind.name)}</h3>"
        f'<div class="variants">{cards}</div></div></li>'
    )


def _variant(step: Step, variant: Variant, letter: str) -> str:
    payload = variant.payload
    label = f'<span class="letter">{letter}</span>' if len(step.variants) > 1 else ""
    off = "" if variant.status else ' <span class="pill off">Inactive</span>'
    heading = payload.get("subject") or payload.get("title") or ("(no subject)" if step.kind.is_email else "")
    parts = [f"<h4>{label}{_text(heading)}{off}</h4>"] if heading or label or off else []
    if payload.get("preheader"):
        parts.append(f'<p class="preheader">{_text(payload["preheader"])}</p>')
    if step.kind.is_email:
        parts.append(_frame(payload.get("content", ""), f"Email of day {step.day}, variant {letter}"))
    parts += [
        f"<blockquote>{_text(payload[name])}</blockquote>"
        for name in ("connectionNote", "message")
        if payload.get(name)
    ]
    if payload.get("action"):
        parts.append(f"<p>Link: {_text(payload['action']['name'])}, <code>{_text(payload['action']['url'])}</code></p>")
    if variant.note:
        parts.append(f'<p class="note"><b>Note</b> {_text(variant.note)}</p>')
    if variant.attachments:
        parts.append(f'<p class="note">{_several(len(variant.attachments), "attachment")}</p>')
    return f'<section class="card">{"".join(parts) or "<p>A task without text.</p>"}</section>'


def _frame(content: str, title: str) -> str:
    """Return an email in a frame without scripts, forms, navigation or requests."""
    inside = FRAME.substitute(csp=html.escape(CSP), content=content)
    return f'<iframe sandbox="" loading="lazy" title="{_text(title)}" srcdoc="{_text(inside)}"></iframe>'


def _text(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode(), quote=True)


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


FRAME = Template(
    '<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="$csp">'
    '<meta name="color-scheme" content="light"><style>html{background:#fff;color:#222;font:15px/1.5 Arial,sans-serif}'
    "body{margin:14px;overflow-wrap:anywhere}img{max-width:100%}</style></head><body>$content</body></html>"
)

EMPTY = '<p class="empty">No sequences yet. Run <code>seqsync apply</code> against this sandbox and reload.</p>'

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="$csp">
<meta name="color-scheme" content="light dark">
<title>seqsync sandbox</title>
<style>
:root { --page: #f5f6f8; --card: #fff; --ink: #1d2430; --soft: #5b6575; --line: #d9dee6; --good: #0b7a43;
  --good-bg: #dff5e8; --email: #2457d6; --linkedin: #0a66a8; --call: #9a5300; --whatsapp: #0b7a43; --task: #6b3fb5; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #1b212b; --ink: #e8ecf2; --soft: #a3aebd;
  --line: #323b49; --good: #7be0a8; --good-bg: #12392a; --email: #8db0ff; --linkedin: #7cc4f5; --call: #f0b872;
  --whatsapp: #7be0a8; --task: #c3a6f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0; display: inline; }
h3 { font-size: 1rem; margin: 0 0 .5rem; } h4 { font-size: 1rem; margin: 0 0 .25rem; }
small, .facts, .preheader, header p { color: var(--soft); } header p { margin: .25rem 0 1.5rem; }
.sequence { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.25rem;
  margin-bottom: 1rem; }
summary { cursor: pointer; } summary .pill { margin-left: .5rem; } .facts { margin: .25rem 0 1rem; font-size: .9rem; }
.pill { border-radius: 99px; padding: .1rem .6rem; font-size: .8rem; font-weight: 600; white-space: nowrap; }
.on { color: var(--good); background: var(--good-bg); } .off { color: var(--soft); background: var(--page); }
.timeline { list-style: none; margin: 0; padding: 0; }
.timeline > li { --tone: var(--task); display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: 1rem;
  padding-bottom: 1.25rem; }
.timeline > li > div, .timeline > li > p:only-child { border-left: 3px solid var(--tone); padding-left: 1rem; }
.email { --tone: var(--email) !important; } .linkedin { --tone: var(--linkedin) !important; }
.call { --tone: var(--call) !important; } .whatsapp { --tone: var(--whatsapp) !important; }
.day { margin: 0; text-align: right; } .day b, .day small { display: block; }
h3 span { color: var(--tone); margin-right: .35rem; }
.variants { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: .75rem; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .75rem; min-width: 0; }
.card p { margin: .25rem 0; } .preheader, .note { font-size: .9rem; }
.letter { display: inline-block; min-width: 1.5rem; margin-right: .5rem; border: 1px solid var(--tone);
  border-radius: 5px; color: var(--tone); text-align: center; font-size: .85rem; }
iframe { width: 100%; height: 15rem; margin-top: .5rem; border: 1px solid var(--line); border-radius: 6px;
  background: #fff; resize: vertical; overflow: auto; }
blockquote { margin: .25rem 0; white-space: pre-wrap; }
.empty { border: 1px dashed var(--line); border-radius: 12px; padding: 2rem; text-align: center; color: var(--soft); }
@media (max-width: 40rem) { .sequence { padding: .9rem; } .timeline > li { grid-template-columns: minmax(0, 1fr);
  gap: .35rem; } .day { text-align: left; } .day b, .day small { display: inline; } }
</style>
</head>
<body>
<header><h1>seqsync sandbox</h1>
<p>A local stand-in for Saleshandy's API, for trying, teaching and testing. It sends no messages.
$count.</p></header>
<main>
$sequences
</main>
</body>
</html>
""")
