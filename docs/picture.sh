#!/bin/sh
# Makes docs/review-page.png again: the review page of a small plan.
#
#   sh docs/picture.sh            writes docs/review-page.png (1200 pixels wide, light mode)
#
# It applies a small sequence to a sandbox in a temporary folder, edits the files, and plans: a changed email, a new step
# and a blocked change. Then Chromium (sh .ci/browser.sh install) takes the picture, and pngquant makes it smaller.
# SEQSYNC names another seqsync than the one in .venv, HEIGHT another height of the picture in pixels.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
seqsync=${SEQSYNC:-$here/.venv/bin/seqsync}
port=8585
height=${HEIGHT:-1560}
work=$(mktemp -d)
server=

clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

need() {
    echo "picture.sh: $1 is missing. Run: $2" >&2
    exit 1
}
command -v pngquant >/dev/null 2>&1 || need pngquant "apt-get install pngquant"
sh "$here/.ci/browser.sh" have || need Chromium "sh .ci/browser.sh install"

mkdir -p "$work/project/sequences"
cd "$work/project"
unset SEQSYNC_ENV SEQSYNC_API_URL CI
cat >seqsync.yaml <<YAML
version: 1
default_environment: sandbox
environments:
  sandbox:
    api_url: http://127.0.0.1:$port/v1
    api_key_command: echo sandbox-key
fields: [First Name, Company]
YAML

intro() {
    cat <<YAML
sequence: trial
title: Trial onboarding
steps:
  intro:
    day: 1
    type: email
    subject: "$1"
    markdown: |
      Hi {{First Name}},

      $2

      Would a **15 minute** call on Thursday be a bad idea?
YAML
}
call='  call:
    day: 5
    type: call_follow_up
    task_note: Ask who joins the demo'

intro "Quick question, {{First Name}}" "most teams your size lose a day a week to list building." >sequences/trial.yaml
echo "$call" >>sequences/trial.yaml

"$seqsync" sandbox -port "$port" -rate-limit 0 >"$work/sandbox.log" 2>&1 &
server=$!
tries=0
until grep -q "127.0.0.1:$port" "$work/sandbox.log"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
        cat "$work/sandbox.log" >&2
        exit 1
    fi
    sleep 0.2
done
"$seqsync" apply -auto-approve >"$work/apply.log" 2>&1 || { cat "$work/apply.log" >&2; exit 1; }

# The change to review: new text in the first email, a new email, and a step that the API cannot delete.
{
    intro "{{First Name}}, a question about {{Company}}" "most teams your size lose six hours a week to list building."
    cat <<YAML
  case-study:
    day: 4
    type: email
    subject: How Acme saved six hours a week
    markdown: |
      Hi {{First Name}},

      Acme had the same problem. [Read their story](https://acme.example/story).
YAML
} >sequences/trial.yaml
"$seqsync" plan -refresh -format html >"$work/page.html"

chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
    --blink-settings=preferredColorScheme=1 --force-device-scale-factor=1 --window-size="1200,$height" \
    --virtual-time-budget=5000 --screenshot="$work/page.png" "file://$work/page.html" >"$work/chromium.log" 2>&1 ||
    { cat "$work/chromium.log" >&2; exit 1; }
pngquant --force --strip --output "$here/docs/review-page.png" 64 "$work/page.png"
ls -l "$here/docs/review-page.png"
