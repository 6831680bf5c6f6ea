"""The style and the content policy of the HTML pages. Text only."""

from __future__ import annotations

# Nothing is fetched and nothing runs; styles stand in the page, and in the emails that it shows.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #212830; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { display: inline; font-size: 1.1rem; }
summary { cursor: pointer; padding: .75rem 0; }
article { border: 1px solid var(--line); border-left-width: .3rem; border-radius: .4rem; }
article { margin: 0 0 1rem; padding: .5rem; }
.create { border-left-color: #1a7f37; }
.update { border-left-color: #bf8700; }
.off { border-left-color: #cf222e; }
.record { border-left-color: #1b7c83; }
.blocked { border-left-color: #8250df; }
pre { margin: 0; white-space: pre-wrap; font: .9rem/1.5 ui-monospace, monospace; }
.mails { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
figure { margin: .5rem 0 0; }
figcaption { background: var(--soft); border: 1px solid var(--line); border-bottom: 0; font-size: .9rem; }
figcaption { padding: .25rem .5rem; }
iframe { background: #fff; border: 1px solid var(--line); color-scheme: light; height: 16rem; width: 100%; }
"""
