package sim

import (
	"crypto/rsa"
	"time"
)

// Options says what a new tenant is like. The zero value is a tenant with one machine-to-machine client that may do
// everything the simulator knows, without rate limit.
type Options struct {
	// Domain is the tenant's canonical host[:port]. Empty: the host that StartTLS listens on, or the host of the
	// first request.
	Domain string
	// ManagementAudience is the identifier of the Management API; default "https://" + Domain + "/api/v2/".
	ManagementAudience string
	// ClientID is the client that the program under test uses; default 32 random characters.
	ClientID string
	// ClientSecret is that client's secret; default 64 random characters.
	ClientSecret string
	// ClientPublicKey verifies that client's assertions (private key JWT); default none.
	ClientPublicKey *rsa.PublicKey
	// Settings is the behaviour at the start; Server.Configure changes it later.
	Settings Settings
	// Admin serves the endpoints under /_sim/.
	Admin bool
	// ExchangeDir is a folder that gets a file with every exchange, for checking them against the API's description;
	// default the environment variable CONTRACT_LOG_DIR, and none if that is empty.
	ExchangeDir string
	// Clock is the tenant's time; default time.Now.
	Clock func() time.Time
	// Listen is the address for StartTLS; default "127.0.0.1:0", a free port.
	Listen string
	// Hosts are further names and addresses for the certificate of StartTLS.
	Hosts []string
}
