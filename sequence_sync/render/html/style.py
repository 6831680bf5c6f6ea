"""The styles and the content policy of the HTML page. Text only.

Colors are pairs for light and dark mode. Every text has a contrast of at least 4.5 to its background (a browser test
measures it). No color has a meaning that words do not express.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

# Nothing is loaded and nothing runs; the styles are in the page and in the emails that it shows.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

# Only for pages with many emails. A browser creates all frames of a page at once, at most 20 a second. On these pages
# the frames of a change stay in a <template> until the reader opens it. The policy allows this text by its hash.
SCRIPT = (
    'document.addEventListener("toggle",e=>{if(e.target.open)'
    'for(const t of e.target.querySelectorAll("template"))t.replaceWith(t.content)},true)'
)
POLICY_WITH_SCRIPT = f"{POLICY}; script-src 'sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'"

# An email is shown on white, as most programs do. Its own styles come after these.
FRAME_STYLE = (
    "html{background:#fff;color:#1f2328;color-scheme:light;font:15px/1.5 Arial,Helvetica,sans-serif}"
    "body{margin:12px 14px;overflow-wrap:anywhere}img{max-width:100%;height:auto}"
    ".seqsync-image{display:inline-block;padding:6px 10px;border:1px dashed #6e7781;border-radius:4px;"
    "background:#f6f8fa;color:#57606a;font:12px/1.4 Arial,Helvetica,sans-serif}"
)

_COLORS = """
:root { color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #1d2430; --soft: #566070; --line: #d6dbe3; --sunk: #f0f2f5; --link: #0b57b8;
  --create: #116b32; --create-bg: #e0f5e7; --update: #7a4b00; --update-bg: #fdf0d2; --off: #b3202b; --off-bg: #fde7e8;
  --record: #0d6068; --record-bg: #ddf2f4; --blocked: #6a35b5; --blocked-bg: #f0e8fc; --drift: #1c54b2;
  --drift-bg: #e3edfd; }
@media (prefers-color-scheme: dark) { :root {
  --page: #11151b; --card: #1a2029; --ink: #e7ebf1; --soft: #a5b0be; --line: #353f4c; --sunk: #232b36; --link: #8ab8ff;
  --create: #7fe0a2; --create-bg: #143722; --update: #f2c26b; --update-bg: #3a2c10; --off: #ff9aa0; --off-bg: #42191d;
  --record: #7fd8e0; --record-bg: #12363a; --blocked: #cdb0ff; --blocked-bg: #30224b; --drift: #9cc3ff;
  --drift-bg: #182f52; } }
.create { --tone: var(--create); --tone-bg: var(--create-bg); } .update { --tone: var(--update);
  --tone-bg: var(--update-bg); }
.off, .shut { --tone: var(--off); --tone-bg: var(--off-bg); } .record { --tone: var(--record);
  --tone-bg: var(--record-bg); }
.blocked { --tone: var(--blocked); --tone-bg: var(--blocked-bg); } .drift { --tone: var(--drift);
  --tone-bg: var(--drift-bg); }
.active { --tone: var(--update); --tone-bg: var(--update-bg); }
.open, .note, .zero { --tone: var(--soft); --tone-bg: var(--card); }
"""

_PAGE = """
* { box-sizing: border-box; }
html { background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
a { color: var(--link); } a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
:target { outline: 2px solid var(--link); outline-offset: 3px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
h1, h2, h3, h4, p, ul, ol, dl { margin: 0; } h1 { font-size: 1.75rem; line-height: 1.25; }
h1 small { color: var(--soft); font-size: 1rem; font-weight: 400; } h2 { font-size: 1.3rem; line-height: 1.3; }
h3 { font-size: 1rem; } h4 { font-size: .9rem; margin-top: .75rem; }
code { font: .875em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
summary { cursor: pointer; }
footer { color: var(--soft); font-size: .875rem; margin-top: 2rem; }
.eyebrow { color: var(--soft); font-size: .875rem; font-weight: 600; }
.verdict { font-size: 1.1rem; margin: .25rem 0 1rem; }
.tiles { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); list-style: none;
  margin: 0 0 1rem; padding: 0; }
.tiles li { background: var(--tone-bg); border: 1px solid var(--line); border-radius: .6rem; color: var(--tone);
  font-size: .9rem; line-height: 1.3; padding: .6rem .8rem; }
.tiles b { display: block; font-size: 1.6rem; line-height: 1.2; }
.hash { color: var(--soft); font-size: .9rem; } .hash code { color: var(--ink); user-select: all; }
main > section, nav { margin-top: 2rem; } nav ul { columns: 20rem; margin-top: .5rem; padding-left: 1.2rem; }
nav summary { font-size: 1.1rem; font-weight: 600; } nav li { break-inside: avoid; padding: .1rem 0; }
.count { color: var(--tone); font-size: .85rem; font-weight: 600; }
.box { background: var(--card); border: 1px solid var(--line); border-left: .35rem solid var(--tone);
  border-radius: .5rem; margin-top: .75rem; padding: .7rem 1rem; }
.box h3 { color: var(--tone); } .box ul { padding-left: 1.2rem; } .box li { padding: .1rem 0; }
.sequence { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; margin-top: 1.5rem;
  padding: 1.1rem; }
.facts, .why { color: var(--soft); font-size: .9rem; margin-bottom: .75rem; }
.live { background: var(--update-bg); border-radius: 1rem; color: var(--update); padding: .1rem .6rem; }
"""

_CHANGE = """
.change { background: var(--card); border: 1px solid var(--line); border-left: .35rem solid var(--tone);
  border-radius: .5rem; margin-top: .75rem; }
.change > summary, .top { align-items: baseline; display: flex; flex-wrap: wrap; gap: .2rem .7rem;
  padding: .6rem .9rem; }
.change > summary::before { color: var(--soft); content: "▸"; width: .8rem; }
.change[open] > summary::before { content: "▾"; }
.change > summary { list-style: none; } .change > summary::-webkit-details-marker { display: none; }
.change > summary:hover { background: var(--sunk); }
.badge { background: var(--tone-bg); border-radius: 1rem; color: var(--tone); font-size: .85rem;
  padding: .1rem .7rem; }
.about { color: var(--soft); font-size: .9rem; }
.impact { color: var(--tone); font-size: .85rem; font-weight: 600; margin-left: auto; }
h3 small { color: var(--soft); font-weight: 400; }
.inside > :last-child { margin-bottom: 0; } .inside { border-top: 1px solid var(--line); padding: .8rem .9rem; }
.todo { background: var(--tone-bg); border-radius: .4rem; margin-bottom: .75rem; padding: .5rem .8rem;
  white-space: pre-wrap; }
.fields { display: grid; gap: .5rem 1rem; grid-template-columns: 7rem minmax(0, 1fr); margin-bottom: .75rem; }
dt, .label { color: var(--soft); font-size: .85rem; font-weight: 600; } dt { padding-top: .1rem; } dd { margin: 0; }
dd p { color: var(--soft); font-size: .85rem; margin-top: .4rem; }
.words { white-space: pre-wrap; } .none, .arrow { color: var(--soft); } .none { font-style: italic; }
del { background: var(--off-bg); color: var(--off); border-radius: .2rem; padding: 0 .15rem; }
ins { background: var(--create-bg); color: var(--create); border-radius: .2rem; padding: 0 .15rem;
  text-decoration-thickness: 1px; text-underline-offset: 3px; }
.sides { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr));
  margin-top: .4rem; }
.side { border: 1px solid var(--line); border-radius: .5rem; min-width: 0; overflow: hidden; }
.sidetitle { background: var(--sunk); font-size: .85rem; font-weight: 700; padding: .3rem .8rem; }
.mailhead { border-bottom: 1px solid var(--line); padding: .5rem .8rem; }
.subject { font-weight: 600; } .preheader { color: var(--soft); font-size: .9rem; }
.subject, .preheader { display: grid; gap: 0 .5rem; grid-template-columns: 5rem minmax(0, 1fr); }
.subject .label, .preheader .label { font-weight: 400; padding-top: .1rem; }
.side > .preheader { padding: .4rem .8rem; } .side > .quiet { margin: .3rem .8rem; }
.side > .label { padding: .5rem .8rem 0; }
.side > blockquote { margin: 0; padding: .1rem .8rem .5rem; white-space: pre-wrap; }
iframe { background: #fff; border: 0; color-scheme: light; display: block; height: var(--h); min-height: 5rem;
  resize: vertical; width: 100%; }
.quiet { font-size: .85rem; margin-top: .5rem; } .quiet > summary { color: var(--soft); }
.quiet ul { margin: .2rem 0; padding-left: 1.2rem; }
.timeline { font-size: .9rem; margin: .4rem 0 1rem; } .timeline ol { list-style: none; padding: 0; }
.timeline li, .axis { align-items: center; display: grid; gap: .2rem 1rem;
  grid-template-columns: 17rem 7.5rem minmax(0, 1fr); }
.timeline li { border-top: 1px solid var(--line); min-height: 2rem; }
.timeline small, .when, .axis { color: var(--soft); }
.axis { font-size: .8rem; white-space: nowrap; } .axis > :first-child { grid-column: 1 / 3; text-align: right; }
.track { display: block; height: 1.4rem; margin: 0 1rem; position: relative; }
li .track { background: repeating-linear-gradient(to right, var(--line) 0 1px, transparent 1px var(--stride)); }
.track i { font-style: normal; position: absolute; transform: translateX(-50%); }
.track .dot, .track .was { border: 2px solid var(--tone); border-radius: 50%; height: .9rem; top: .25rem;
  width: .9rem; }
.track .dot { background: var(--tone); } .track .was { background: var(--card); border-style: dashed; }
.track .way { border-top: 2px dashed var(--tone); top: .63rem; transform: none; }
"""

_NARROW_AND_PAPER = """
@media (max-width: 62rem) { iframe { height: calc(var(--h) * 1.25); } }
@media (max-width: 44rem) {
  body { padding: 1rem .6rem 2rem; } .sequence { padding: .8rem .6rem; } .inside { padding: .7rem .6rem; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } h1 small { display: block; }
  .fields { grid-template-columns: minmax(0, 1fr); gap: 0; } dt { padding-top: .5rem; }
  .impact { margin-left: 0; } iframe { max-height: 75vh; }
  .timeline li { grid-template-columns: minmax(0, 1fr) auto; padding: .3rem 0; }
.timeline .track { grid-column: 1 / -1; }
  .axis { grid-template-columns: minmax(0, 1fr); } .axis > :first-child { grid-column: auto; text-align: left; }
}
@media print {
  :root { --page: #fff; } body { max-width: none; padding: 0; } nav, .skip { display: none; }
  details::details-content { block-size: auto; content-visibility: visible; }
  .badge, .tiles li, .track i, del, ins, .todo { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  iframe { height: calc(var(--h) * 1.5); max-height: none; resize: none; }
  .side, .box, .timeline li, .change > summary { break-inside: avoid; } h2, h3, h4 { break-after: avoid; }
}
"""

STYLE = _COLORS + _PAGE + _CHANGE + _NARROW_AND_PAPER
