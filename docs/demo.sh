#!/bin/sh
# What `make demo` runs: every sequence of sequences/ becomes steps in a local stand-in of the Saleshandy API, over
# HTTP, and a second plan finds nothing left to do. It works in a folder of its own and leaves nothing behind.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
seqsync=${SEQSYNC:-$here/.venv/bin/seqsync}
python=${PYTHON:-$here/.venv/bin/python}
work=$(mktemp -d)
server=

tidy() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
    rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() {
    printf '\n== %s\n' "$1"
}

run() {
    printf '\n$ seqsync %s\n' "$*"
    "$seqsync" "$@"
}

say "A local stand-in of the API; nothing leaves this machine"
"$seqsync" sandbox -port 0 -rate-limit 0 >"$work/sandbox.out" 2>"$work/sandbox.err" &
server=$!
url=
tries=0
while [ -z "$url" ]; do
    url=$(sed -n 's#.*\(http://127\.0\.0\.1:[0-9]*/v1\).*#\1#p' "$work/sandbox.out" | head -n 1)
    tries=$((tries + 1))
    if [ -z "$url" ] && { [ "$tries" -gt 150 ] || ! kill -0 "$server" 2>/dev/null; }; then
        echo "The sandbox did not start:" >&2
        cat "$work/sandbox.out" "$work/sandbox.err" >&2
        exit 1
    fi
    [ -n "$url" ] || sleep 0.2
done
printf '   %s\n' "$url"

mkdir "$work/project"
cp -R "$here/sequences" "$work/project/sequences"
cd "$work/project"
SEQSYNC_API_URL=$url
SALESHANDY_API_KEY=demo
export SEQSYNC_API_URL SALESHANDY_API_KEY
unset SEQSYNC_ENV CI

say "Are the files right? (no network, no key)"
run validate

say "What would be done?"
run plan

say "Do it"
run apply -auto-approve

say "And now? (exit code 0 means: no changes)"
run plan -detailed-exitcode

say "What the server holds, asked without seqsync"
"$python" "$here/docs/demo_look.py" "$url"

say "Done: every step is there once, and the second plan is empty"
