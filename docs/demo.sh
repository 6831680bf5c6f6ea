#!/bin/sh
# The script behind `make demo`. It creates every sequence of sequences/ in a local stand-in for the Saleshandy API, over
# HTTP, and plans again to show that no change is left. It works in a temporary folder and removes it at the end.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
seqsync=${SEQSYNC:-$here/.venv/bin/seqsync}
python=${PYTHON:-$here/.venv/bin/python}
work=$(mktemp -d)
server=

clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

heading() {
    printf '\n== %s\n' "$1"
}

run() {
    printf '\n$ seqsync %s\n' "$*"
    "$seqsync" "$@"
}

fail() {
    echo "The sandbox did not start:" >&2
    cat "$work/sandbox.out" "$work/sandbox.err" >&2
    exit 1
}

heading "Start a local stand-in for the API; nothing leaves this machine"
# The shell opens the redirections of a background command later than its next line may read them.
: >"$work/sandbox.out"
: >"$work/sandbox.err"
"$seqsync" sandbox -port 0 -rate-limit 0 >>"$work/sandbox.out" 2>>"$work/sandbox.err" &
server=$!
url=
tries=0
while [ -z "$url" ]; do
    url=$(sed -n 's#.*\(http://127\.0\.0\.1:[0-9]*/v1\).*#\1#p' "$work/sandbox.out" | head -n 1)
    if [ -z "$url" ]; then
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then fail; fi
        sleep 0.2
    fi
done
printf '   %s\n' "$url"

mkdir "$work/project"
cp -R "$here/sequences" "$work/project/sequences"
cd "$work/project"
SEQSYNC_API_URL=$url
SALESHANDY_API_KEY=demo
export SEQSYNC_API_URL SALESHANDY_API_KEY
unset SEQSYNC_ENV CI

heading "Check the files (no network, no key)"
run validate

heading "Plan: show what apply would do"
run plan

heading "Apply: create it (the estimate is for 20 calls a minute; this sandbox has no rate limit)"
run apply -auto-approve

heading "Plan again (exit code 0 means: no changes)"
run plan -detailed-exitcode

heading "Ask the server what it holds, without seqsync"
"$python" "$here/docs/demo_check.py" "$url"

heading "Done: each step exists once, and the second plan is empty"
