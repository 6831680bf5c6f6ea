#!/bin/sh
# Chromium and its driver, for the tests that open pages in a real browser.
#
#   sh .ci/browser.sh have      ends with 0 where both are there
#   sh .ci/browser.sh install   installs them where they are missing (Debian and Ubuntu, as root); else says what to do
set -eu

have() {
    command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1
}

case "${1-}" in
have)
    have
    ;;
install)
    if have; then
        exit 0
    fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "browser.sh: chromium and chromedriver are missing; the tests in a browser will be left out." >&2
        exit 0
    fi
    echo "Installing chromium and chromium-driver (some 500 MB) ..." >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null
    ;;
*)
    echo "usage: sh .ci/browser.sh have|install" >&2
    exit 2
    ;;
esac
