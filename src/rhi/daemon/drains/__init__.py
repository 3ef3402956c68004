"""Drains: traffic is led away before routes leave, step by step, for a service, a peer, or everything."""
