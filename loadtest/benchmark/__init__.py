"""What `bench.py` is made of: profiles, what runs them, what is measured, and how it is shown."""
