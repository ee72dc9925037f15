"""An agent's tools on stdin with stdout (Model Context Protocol), in front of the one worker."""
