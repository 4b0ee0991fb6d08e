"""The provider's two HTTP APIs, simulated: state, answers and faults, without socket or clock."""
