# Read by ./postroom and ./test, with $root set: `need run` or `need dev` makes sure that $root/.venv fits.
# When it does, no Python is started: the stamp of the last installation says so.

find_python() {
    for python in "${PYTHON:-}" python3.14 python3.13 python3.12 python3.11 python3; do
        if [ -n "$python" ] && "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            return
        fi
    done
    echo "postroom: Python 3.11 or newer, with its venv module, is needed and was not found." >&2
    echo "          Debian, Ubuntu: apt-get install python3-venv. Another one: PYTHON=/path/to/python3 $0" >&2
    exit 1
}

need() {
    # with the libraries that an extra is built from, once they are there, the environment no longer fits
    stamp="$root $(cd "$root" && cksum pyproject.toml constraints.txt) $(command -v krb5-config)"
    made="$root/.venv/.made-for-$1"
    if [ ! -r "$made" ] || [ ! -x "$root/.venv/bin/python" ] || [ "$(cat "$made")" != "$stamp" ]; then
        find_python
        "$python" "$root/tools/environment.py" "$1" "$stamp" || exit 1
    fi
}
