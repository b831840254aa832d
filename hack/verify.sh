#!/usr/bin/env bash
# Fails if what is generated from the sources is not what stands in the tree, if a go.mod is not tidy, if a kustomization
# does not build, or if the chart installs something else. Compares copies and asks git nothing, so that it works in a dirty
# tree and without one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=0
fail() {
  echo "verify: $*" >&2
  failed=1
}

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT

generated=(
  api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml config/monitoring/prometheus_rule.yaml
  charts/clientgrant-operator/files charts/clientgrant-operator/README.md docs/reference.md
)
for path in "${generated[@]}"; do
  mkdir -p "$before/$(dirname "$path")"
  if [ -e "$path" ]; then cp -R "$path" "$before/$path"; fi
done
"${MAKE:-make}" --no-print-directory generate chart docs
for path in "${generated[@]}"; do
  diff -ruN "$before/$path" "$path" || fail "$path was out of date; it is now regenerated: add it to your commit"
done

while IFS= read -r module; do
  echo "go mod tidy -diff in $module"
  go -C "$module" mod tidy -diff || fail "$module/go.mod is not tidy: run go mod tidy there"
done < <(find . -name go.mod -not -path './bin/*' -exec dirname {} \; | sort)

while IFS= read -r kustomization; do
  echo "kustomize build $kustomization"
  go tool -modfile=hack/tools/go.mod kustomize build "$kustomization" >/dev/null || fail "$kustomization does not build"
done < <(find config -name kustomization.yaml -exec dirname {} \; | sort)

echo "comparing the chart with the kustomizations"
go test -C test/chart -count=1 -run TestChartInstallsWhatTheKustomizationsInstall . ||
  fail "the chart and a kustomization install different things"

exit "$failed"
