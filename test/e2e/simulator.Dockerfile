# The simulated Auth0 tenant; make test-e2e builds it without Docker and reads user and entry point from here.
FROM scratch
COPY auth0sim /auth0sim
USER 65532:65532
ENTRYPOINT ["/auth0sim"]
