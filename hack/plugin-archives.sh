#!/usr/bin/env bash
# Builds the plugin of kubectl for each platform (OS-ARCH) into dist/kubectl-clientgrants-OS-ARCH.tar.gz, with checksums.txt and the
# manifest for krew beside them. The archives of one commit are the same bytes wherever they are built.
set -euo pipefail
version=$1
shift
mkdir -p dist
rm -f dist/kubectl-clientgrants-*.tar.gz dist/checksums.txt
manifest=$(sed "s|VERSION|$version|" hack/krew.yaml)
when=$(git log -1 --format=%ct 2>/dev/null || echo 0)
for platform in "$@"; do
	folder=dist/plugin-$platform
	program=kubectl-clientgrants
	case $platform in windows-*) program+=.exe ;; esac
	rm -rf "$folder" && mkdir "$folder"
	GOOS=${platform%-*} GOARCH=${platform#*-} CGO_ENABLED=0 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -X main.version=$version" -o "$folder/$program" ./cmd/kubectl-clientgrants
	cp LICENSE "$folder/"
	archive=kubectl-clientgrants-$platform.tar.gz
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$when" -C "$folder" -cf - LICENSE "$program" | gzip -n >"dist/$archive"
	sum=$(cd dist && sha256sum "$archive" | tee -a checksums.txt)
	manifest=${manifest//SHA256-$platform/${sum%% *}}
	rm -rf "$folder"
done
printf '%s\n' "$manifest" >dist/krew.yaml
