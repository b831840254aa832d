// Package sim is an Auth0 tenant in memory: the part of the Management API that concerns client grants, with the token
// endpoint, behind an http.Handler. It is as strict as the real API: unknown fields and wrong types are refused in its
// words, identities are unique, lists are paged, tokens are signed, expire and have scopes.
//
// Comments say where a rule comes from. "Recorded" is what was seen in exchanges with real tenants that Auth0's own
// tools publish with their tests; "documented" is Auth0's documentation and its official description of the API;
// "reported" is quoted in public issues. Questions that none of these answers have a likely default and a switch in
// [Unknowns].
//
// Tests start a tenant with [StartTLS], or serve a [Server] themselves; they add what it holds ([Server.AddGrant] and
// its siblings), make things go wrong ([Server.Inject], [Server.Configure], [Server.OnRequest]) and look at what came
// of it ([Server.Grants], [Server.Log]).
//
// # Endpoints for people and scripts
//
// With [Options].Admin, as in the program, these need no token. Bodies are JSON and read strictly.
//
//	GET    /_sim/state            what the tenant holds, without secrets
//	GET    /_sim/authority        the certificate to trust, as PEM
//	GET    /_sim/log              every exchange since the start, see Exchange, with bodies=false without bodies;
//	                              DELETE forgets them
//	POST   /_sim/clients          add a client: the fields of Client
//	POST   /_sim/apis             add an API: the fields of API
//	POST   /_sim/organizations    add an organization: the fields of Organization
//	POST   /_sim/grants           add a grant, as the API shows it, with id and is_system if wanted
//	PATCH  /_sim/grants/{id}      change a grant behind every client's back
//	DELETE /_sim/grants/{id}      delete a grant behind every client's back
//	PATCH  /_sim/settings         change settings: the fields of Settings, with latency and token_lifetime like "250ms"
//	POST   /_sim/faults           a fault: method, route, times, skip, after, delay, hang, drop, status, body, header
//	DELETE /_sim/faults           end all faults
//	POST   /_sim/tokens/expire    expire every token; /_sim/tokens/revoke makes them invalid
package sim
