"""``python -m latticecell`` is the ``latticecell`` command."""

from latticecell.cli import main

if __name__ == "__main__":
    main()
