# syntax=docker/dockerfile:1
# Go runs on the machine that builds and compiles for the one that the image is for: no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY internal/ internal/
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /manager ./cmd/manager

FROM gcr.io/distroless/static:nonroot
ARG VERSION=dev
# make image reads user, entry point and labels from here.
LABEL org.opencontainers.image.title="clientgrant-operator"
LABEL org.opencontainers.image.description="Declares in Kubernetes which application may ask for which scopes of which API in Auth0"
LABEL org.opencontainers.image.source="https://github.com/clientgrants/clientgrant-operator"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
