# What kills a manager; make test-e2e builds it without Docker and reads user and entry point from here.
FROM scratch
COPY kill /kill
USER 65532:65532
ENTRYPOINT ["/kill"]
