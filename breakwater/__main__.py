"""`python -m breakwater` is the command `breakwater`."""

from breakwater.web.cli import main

if __name__ == "__main__":
    main()
