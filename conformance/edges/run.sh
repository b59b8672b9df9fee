#!/bin/sh
# Runs generate.py with the PyTorch of a Debian trixie in a folder (see conformance/generate/run.sh), default /opt/trixie.
set -e
root=${1:-/opt/trixie}
here=$(dirname "$0")
mkdir -p "$root/tmp/edges"
cp "$here"/*.py "$root/tmp/edges/"
chroot "$root" python3 /tmp/edges/generate.py
cp "$root"/tmp/edges/*.json "$here/"
