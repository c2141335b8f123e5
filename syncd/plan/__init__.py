"""From what this disk has and what the merged tree wants: steps, in an order that can be taken."""
