"""How the daemon does, for who looks at it live: `smppd top` and the status page. Pure."""
