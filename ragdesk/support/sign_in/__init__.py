"""Who is who: staff sessions, sign-in by OpenID Connect, visitors of websites, the audit log."""
