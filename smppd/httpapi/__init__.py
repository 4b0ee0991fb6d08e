"""The station of the provider's HTTP APIs: accounts that make calls, as links submit messages."""
