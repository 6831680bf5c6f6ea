#!/bin/sh
# Makes the virtual environment that `make setup` installs into: sh .ci/venv.sh PYTHON FOLDER
#
# Only a Python is presumed. Some systems ship one without `ensurepip`; there the environment is made without pip,
# and pip comes from outside: the system's own, uv, or virtualenv.
set -eu

python=$1
venv=$2

fail() {
    printf 'make setup: %s\n' "$@" >&2
    exit 1
}

usable() {
    "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

with_venv() {
    "$python" -m venv --clear "$venv"
}

with_foreign_pip() {
    "$python" -m venv --clear --without-pip "$venv" &&
        { "$python" -m pip --python "$venv/bin/python" install --quiet pip ||
            uv pip install --quiet --python "$venv/bin/python" pip; }
}

with_virtualenv() {
    "$python" -m virtualenv --quiet "$venv" || virtualenv --quiet --python "$python" "$venv"
}

command -v "$python" >/dev/null 2>&1 ||
    fail "there is no $python on this machine." "Install Python 3.11 or newer, or name one: make setup PYTHON=python3.12"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "seqsync needs Python 3.11 or newer; $python is $("$python" -c 'import platform; print(platform.python_version())')." \
        "If a newer one is installed, name it: make setup PYTHON=python3.12"

if usable; then
    exit 0
fi
for way in with_venv with_foreign_pip with_virtualenv; do
    if $way >/dev/null 2>&1 && usable; then
        exit 0
    fi
done
fail "$python cannot make a virtual environment with pip in it." \
    "On Debian and Ubuntu this helps: apt-get install python3-venv" \
    "Elsewhere install pip, uv or virtualenv for it, then run make again."
