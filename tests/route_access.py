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
