"""The hot path: admit · dispatch · settle · publish. Everything works in lists."""
