"""From decoded maps and rays to rendered colors, differentiably: one interface, three implementations."""
