package sim

import "time"

// Settings is the behaviour that can be changed while the tenant runs.
type Settings struct {
	// Latency is how long every answer takes at least.
	Latency time.Duration `json:"-"`
	// RateLimit is the token bucket; without a Limit there is none.
	RateLimit RateLimit `json:"rate_limit"`
	// LinkReads and LinkWrites are the buckets of reading and of changing which grants an organization has, beside that of
	// the tenant, which is asked first (documented); without a Limit there is none.
	LinkReads  RateLimit `json:"link_reads"`
	LinkWrites RateLimit `json:"link_writes"`
	// Paging makes pages shorter than asked for.
	Paging Paging `json:"paging"`
	// GrantedScopes is what the client of Options may do; nil means everything. It counts for tokens issued from now
	// on: a token keeps the scopes that it was issued with.
	GrantedScopes []string `json:"granted_scopes"`
	// TokenLifetime is the lifetime of tokens for the Management API; default 24 hours.
	TokenLifetime time.Duration `json:"-"`
	// OmitTokenScope leaves "scope" out of token answers.
	OmitTokenScope bool `json:"omit_token_scope"`
	// BindTokenToHost refuses a token at any other host name than the one that it was obtained from, as the API does
	// with custom domains.
	BindTokenToHost bool `json:"bind_token_to_host"`
	// DropScopes are scopes that creating and updating a grant silently lose.
	DropScopes []string `json:"drop_scopes"`
	// EchoDroppedScopes makes the answer to the write show the scopes that were lost; only reading tells.
	EchoDroppedScopes bool `json:"echo_dropped_scopes"`
	// StrictScopes refuses scopes that the API does not define, as the dashboard does and the Management API does not.
	StrictScopes bool `json:"strict_scopes"`
	// MaxGrants is the tenant's limit of client grants; 0 means none.
	MaxGrants int `json:"max_grants"`
	// MaxLinks is how many grants an organization has at most; default 100, as in the public cloud. 1,000 are documented
	// for the private cloud.
	MaxLinks int `json:"max_links"`
	// NoOrganizations makes a tenant whose plan has no organizations: their endpoints answer 403.
	NoOrganizations bool `json:"no_organizations"`
	// AnonymousUser makes the newer subject type anonymous_user known.
	AnonymousUser bool `json:"anonymous_user"`
	// Unknowns are the answers to questions that no public source answers.
	Unknowns Unknowns `json:"unknowns"`
}

// RateLimit is the tenant's token bucket: Limit requests at once, and PerSecond more each second or, with a Window, Limit more
// when that has passed: Auth0's pages contradict each other.
type RateLimit struct {
	Limit     int     `json:"limit"`
	PerSecond float64 `json:"per_second"`
	// WindowSeconds is the length of a window; 0: the bucket refills steadily.
	WindowSeconds int `json:"window_seconds"`
	// Endpoint words the 429 as an endpoint's limit instead of the tenant's.
	Endpoint bool `json:"endpoint"`
	// RetryAfter adds a Retry-After header to a 429; it is documented for the token endpoint only.
	RetryAfter bool `json:"retry_after"`
	// Remaining is what a 429 claims to be left: the headers may tell of another bucket than the one that is empty.
	Remaining int `json:"remaining"`
	// NoHeaders leaves the x-ratelimit headers out of a 429.
	NoHeaders bool `json:"no_headers"`
}

// Paging makes checkpoint pages of the list of client grants differ from what was asked for, as was recorded on
// sibling endpoints: whoever stops at a short or an empty page misses grants.
type Paging struct {
	// Cap is the largest number of grants on a page, whatever take says; 0 means no cap.
	Cap int `json:"cap"`
	// EmptyPages puts an empty page with a next between any two pages.
	EmptyPages bool `json:"empty_pages"`
	// TrailingPage ends every list with an empty page that has no next.
	TrailingPage bool `json:"trailing_page"`
}

// NullPolicy says what an explicit null in an update does.
type NullPolicy string

// What null does in an update where the API's description allows it.
const (
	NullRemoves NullPolicy = ""        // the field is gone, as if never set; scopes become []
	NullKeeps   NullPolicy = "keep"    // nothing happens
	NullRefused NullPolicy = "refused" // 400
)

// AllScopesOff says what {"allow_all_scopes":false} without scope leaves in scope.
type AllScopesOff string

// What turning allow_all_scopes off leaves.
const (
	AllScopesOffEmpty    AllScopesOff = ""        // no scopes
	AllScopesOffRestores AllScopesOff = "restore" // those from before it was turned on
	AllScopesOffRefused  AllScopesOff = "refused" // 400
)

// Unknowns are choices where the real API's answer is not known; the zero value is the likeliest. No program may
// depend on one of them.
type Unknowns struct {
	// ConflictMessage replaces the 409's message; {client} and {audience} stand for the two.
	ConflictMessage string `json:"conflict_message"`
	// ConflictCode is the 409's errorCode; none by default.
	ConflictCode string `json:"conflict_code"`
	// CreateUnknownCode replaces the errorCode of a create that names an unknown client or API; "-" means none.
	CreateUnknownCode string `json:"create_unknown_code"`
	// PatchUnknownMessage replaces the message of the 404 for an update of an unknown grant.
	PatchUnknownMessage string `json:"patch_unknown_message"`
	// Null says what an explicit null in an update does.
	Null NullPolicy `json:"null"`
	// AllScopesOff says what turning allow_all_scopes off alone leaves in scope.
	AllScopesOff AllScopesOff `json:"all_scopes_off"`
	// RefuseDuplicateScopes answers 400 to a scope that is listed twice, instead of echoing it.
	RefuseDuplicateScopes bool `json:"refuse_duplicate_scopes"`
	// SystemGrantStatus answers a change of a system grant; default 400.
	SystemGrantStatus int `json:"system_grant_status"`
	// CascadeAPIs removes the grants of an API that is deleted. The only public hint says that they stay: such a grant counts again
	// when an API of that identifier returns.
	CascadeAPIs bool `json:"cascade_apis"`
	// BodyOnly checks what an update says, and not what the grant becomes with it.
	BodyOnly bool `json:"body_only"`
	// EmptyScope shows "scope": [] while every scope is allowed (reported) instead of leaving it out (recorded).
	EmptyScope bool `json:"empty_scope"`
	// LooseIDs takes a malformed grant ID in an update or a delete for an unknown one.
	LooseIDs bool `json:"loose_ids"`
	// StrictReadIDs answers 400 instead of 404 to reading a malformed grant ID.
	StrictReadIDs bool `json:"strict_read_ids"`
	// InvalidFromRestarts starts a list again at an invalid or expired from, instead of answering 400.
	InvalidFromRestarts bool `json:"invalid_from_restarts"`
	// NoOffsetCeiling lets page and per_page reach beyond 1,000 items.
	NoOffsetCeiling bool `json:"no_offset_ceiling"`
	// RefuseDenyLinks answers 400 to linking a grant that denies organizations, or says nothing of them.
	RefuseDenyLinks bool `json:"refuse_deny_links"`
	// RefuseUserLinks answers 400 to linking a grant of another subject type than client.
	RefuseUserLinks bool `json:"refuse_user_links"`
	// DenyUnlinks takes a grant from its organizations when its organization_usage becomes deny.
	DenyUnlinks bool `json:"deny_unlinks"`
	// UnlinkedStatus answers the unlinking of a grant that is not linked; default 204.
	UnlinkedStatus int `json:"unlinked_status"`
	// UnknownOrganizationStatus answers reading the grants of an organization that does not exist; default 200 with none,
	// as the description knows no 404 there.
	UnknownOrganizationStatus int `json:"unknown_organization_status"`
	// KeepLinkedOrganizations answers 409 to the deletion of an organization that has grants, instead of deleting it.
	KeepLinkedOrganizations bool `json:"keep_linked_organizations"`
	// GrantReadsAreLinkReads makes reading the organizations of one grant take from LinkReads, too: the documented bucket
	// names the grants of an organization only.
	GrantReadsAreLinkReads bool `json:"grant_reads_are_link_reads"`
}

// limits are the rate limits, in the order of Server.buckets.
func (s *Settings) limits() [3]RateLimit {
	return [...]RateLimit{s.RateLimit, s.LinkReads, s.LinkWrites}
}

// Configure changes the settings. A changed rate limit starts with a full bucket.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.settings.limits()
	change(&s.settings)
	for i, limit := range s.settings.limits() {
		if limit != before[i] {
			s.buckets[i].fill(limit, s.clock())
		}
	}
}
