#!/bin/sh
# Regenerates conformance/cases/ops and conformance/cases/autograd with PyTorch 2.6 from Debian trixie, set up on first use.
# Needs root, debootstrap and a Debian mirror. Arguments go to generate.py (for example --only relu,gelu).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${TRIXIE:-/opt/trixie}
mirror=${MIRROR:-http://deb.debian.org/debian}
if [ ! -e "$root/READY" ]; then
  debootstrap --variant=minbase trixie "$root" "$mirror"
  chroot "$root" apt-get install -y --no-install-recommends python3-torch python3-torchvision python3-setuptools python3-numpy
  touch "$root/READY"
fi
# /proc lets PyTorch see that the processor has AVX2; without it the kernels, and so the last bits, are others.
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
work=$(mktemp -d "$root/tmp/sconce-generate.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/source" "$work/out"
cp "$here"/*.py "$here"/operators.txt "$work/source"
inside=${work#"$root"}
chroot "$root" env OMP_NUM_THREADS=1 PYTHONHASHSEED=0 python3 "$inside/source/generate.py" --out "$inside/out" "$@"
out=${OUT:-$here/../cases}
for layer in ops autograd; do
  mkdir -p "$out/$layer"
  find "$out/$layer" -maxdepth 1 \( -name '*.cases.gz' -o -name manifest.json \) -delete
  cp "$work/out/$layer"/* "$out/$layer/"
done
