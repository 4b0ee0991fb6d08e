"""The hot path: admit · dispatch · settle · reconcile · publish. Everything works in lists."""
