#!/usr/bin/env bash
# Prints the folder of a kube-apiserver and an etcd for the tests and the demo. The first of these that there is:
#
#   1. $KUBEBUILDER_ASSETS
#   2. what setup-envtest has installed
#   3. what this script has built before, under bin/
#   4. what setup-envtest can fetch within a short time
#   5. both built from Go modules, at the versions in hack/controlplane/go.mod
#
# The folder goes to standard output and everything else to standard error.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly module=hack/controlplane
readonly built=bin/controlplane
readonly index_seconds=20
readonly download_seconds=120

say() { echo "control-plane: $*" >&2; }

required() { awk -v path="$1" '$1 == path && $2 ~ /^v/ { print $2; exit }' "$module/go.mod"; }

kubernetes=$(required k8s.io/kubernetes)
etcd=$(required go.etcd.io/etcd/server/v3)
minor=$(cut -d. -f2 <<<"$kubernetes")
readonly kubernetes etcd minor
readonly release="1.$minor.x"

has_programs() { [ -x "$1/etcd" ] && [ -x "$1/kube-apiserver" ]; }

# A download or a build that was cut short leaves files that do not run.
programs_run() {
  has_programs "$1" && "$1/etcd" --version >/dev/null 2>&1 && "$1/kube-apiserver" --version >/dev/null 2>&1
}

# An older build must not survive a change of the versions.
built_is_current() {
  has_programs "$built" &&
    [ "$("$built/kube-apiserver" --version 2>/dev/null)" = "Kubernetes $kubernetes" ] &&
    "$built/etcd" --version 2>/dev/null | grep -qFx "etcd Version: ${etcd#v}"
}

use() {
  (cd "$1" && pwd)
  exit 0
}

# within SECONDS COMMAND… ends the command when the time is over. timeout(1) is not everywhere.
within() {
  local limit=$1 pid
  shift
  "$@" &
  pid=$!
  for ((waited = 0; waited < limit * 5; waited++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  kill "$pid" 2>/dev/null || true
  wait "$pid"
}

# build OUTPUT PACKAGE [LDFLAGS] shows now and then that it is still at work.
build() {
  local output=$1 package=$2 ldflags=${3:-} started=$SECONDS next=20 pid
  env -u GOOS -u GOARCH CGO_ENABLED=0 \
    go build -C "$module" -trimpath -ldflags "-s -w $ldflags" -o "$output" "$package" >&2 &
  pid=$!
  trap 'kill "$pid" 2>/dev/null || true; rm -rf "$unfinished"; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    if ((SECONDS - started >= next)); then
      say "still building $(basename "$output"), $next s"
      next=$((next + 20))
    fi
  done
  wait "$pid"
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  if ! has_programs "$KUBEBUILDER_ASSETS"; then
    say "KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, which does not hold the programs etcd and kube-apiserver: correct or unset it"
    exit 1
  fi
  use "$KUBEBUILDER_ASSETS"
fi

# Its own path and not `go tool`, so that the time-out ends the program itself.
setup_envtest=$(go tool -modfile=hack/tools/go.mod -n setup-envtest) || setup_envtest=false
readonly setup_envtest

if installed=$("$setup_envtest" use --installed-only --print path "$release" 2>/dev/null) && programs_run "$installed"; then
  use "$installed"
fi

if built_is_current; then
  use "$built"
fi

say "looking for kube-apiserver $release with setup-envtest"
if within "$index_seconds" "$setup_envtest" list "$release" >/dev/null 2>&1 &&
  fetched=$(within "$download_seconds" "$setup_envtest" use --print path "$release" 2>/dev/null) &&
  programs_run "$fetched"; then
  use "$fetched"
fi

say "nothing to fetch; building kube-apiserver $kubernetes and etcd $etcd from Go modules, about 7 minutes once"
mkdir -p "$built"
unfinished=$(mktemp -d "$PWD/bin/.controlplane.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
build "$unfinished/etcd" go.etcd.io/etcd/server/v3
# Without the version kubectl and Helm cannot tell which Kubernetes they talk to.
stamp=k8s.io/component-base/version
build "$unfinished/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver \
  "-X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor"
mv "$unfinished/etcd" "$unfinished/kube-apiserver" "$built/"
say "built $built"
use "$built"
