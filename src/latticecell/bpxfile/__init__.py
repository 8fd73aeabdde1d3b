"""Files of the Battery Parameter eXchange (BPX, bpxstandard.com), made into input files."""
