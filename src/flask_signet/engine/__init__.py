"""The engine: plain values in, plain values out. It knows no framework."""
