"""What the person who handed messages in gets back."""
