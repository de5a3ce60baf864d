"""What each route of the HTTP API asks of who calls it. A further route has a line here.

public: nobody has to be known. known: anybody who is. site: a website, by its publishable key.
Else a scope.
"""

ROUTE_ACCESS = {
    # the server itself, and its page
    ("GET", "/"): "public",
    ("GET", "/page/{name}"): "public",
    ("GET", "/healthz"): "public",
    ("GET", "/readyz"): "public",
    ("GET", "/openapi.json"): "public",
    ("GET", "/metrics"): "admin",
    # who is who
    ("GET", "/v1/sign-in"): "public",
    ("GET", "/v1/oidc/start"): "public",
    ("GET", "/v1/oidc/callback"): "public",
    ("POST", "/v1/session"): "public",
    ("GET", "/v1/session"): "known",
    ("DELETE", "/v1/session"): "known",
    ("POST", "/v1/visitors"): "site",
    ("GET", "/v1/audit"): "admin",
    # the administrator's page
    ("GET", "/admin"): "public",
    ("GET", "/v1/keys"): "admin",
    ("POST", "/v1/keys"): "admin",
    ("DELETE", "/v1/keys/{key}"): "admin",
    ("GET", "/v1/sites"): "admin",
    ("POST", "/v1/sites"): "admin",
    ("DELETE", "/v1/sites/{site}"): "admin",
    ("GET", "/v1/settings"): "admin",
    ("GET", "/v1/health"): "admin",
    ("GET", "/v1/collections/{collection}/generations"): "admin",
    ("GET", "/v1/collections/{collection}/generations/diff"): "admin",
    ("POST", "/v1/collections/{collection}/verify"): "admin",
    ("POST", "/v1/collections/{collection}/rollback"): "admin",
    ("POST", "/v1/collections/{collection}/retrieval"): "admin",
    ("GET", "/v1/collections/{collection}/cases"): "admin",
    ("POST", "/v1/collections/{collection}/cases"): "admin",
    ("GET", "/v1/collections/{collection}/cases/file"): "admin",
    ("DELETE", "/v1/collections/{collection}/cases/{case}"): "admin",
    ("GET", "/v1/jobs"): "write",
    ("POST", "/v1/collections/{collection}/documents/{uri:path}/reingest"): "write",
    ("GET", "/v1/collections/{collection}/documents/{uri:path}/chunks"): "write",
    # answers and documents
    ("POST", "/v1/answers"): "ask",
    ("POST", "/v1/search"): "ask",
    ("GET", "/v1/collections"): "ask",
    ("DELETE", "/v1/collections/{collection}"): "admin",
    ("GET", "/v1/collections/{collection}/skipped"): "ask",
    ("GET", "/v1/collections/{collection}/documents"): "ask",
    ("GET", "/v1/collections/{collection}/documents/{uri:path}"): "ask",
    ("GET", "/v1/collections/{collection}/documents/{uri:path}/text"): "ask",
    ("GET", "/v1/collections/{collection}/documents/{uri:path}/links"): "ask",
    ("GET", "/v1/collections/{collection}/documents/{uri:path}/original"): "ask",
    ("PUT", "/v1/collections/{collection}/documents/{uri:path}"): "write",
    ("DELETE", "/v1/collections/{collection}/documents/{uri:path}"): "write",
    ("GET", "/v1/jobs/{job}"): "write",
}
