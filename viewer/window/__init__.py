"""The window itself: main loop, layout, theme, keys, capture and error boundary."""
