"""Speed and memory, measured on the machine at hand; see README.md beside this file."""
