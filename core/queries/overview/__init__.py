"""The numbers and the headline of the page Now."""
