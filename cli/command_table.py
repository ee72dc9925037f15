"""Names every command of `worker-service`: what it does, by which module."""

# command -> what it does, and the module here that does it: it offers `configure(parser)` and
# `run(worker, options)`, or `examine(make, options)` where already making the worker may go wrong
COMMANDS = {
    "start": ("launches the worker unless it runs", "verbs.start"),
    "stop": ("stops the worker, then proves its port free", "verbs.stop"),
    "restart": ("replaces the worker, with a trace and a proof", "verbs.restart"),
    "status": ("shows whether the worker runs, and which it is", "verbs.status"),
    "list": ("shows every worker of yours on this machine", "verbs.list"),
    "logs": ("shows the worker's log, or follows it", "verbs.logs"),
    "page": ("prints a link to a page that shows the worker live", "verbs.page"),
    "run": ("becomes the worker itself, in the foreground", "verbs.run"),
    "hook": ("delivers one event, one JSON object on stdin, to the worker", "hook"),
    "mcp": ("serves an agent's tools on stdio (Model Context Protocol)", "verbs.mcp"),
    "setup": ("writes hooks with an MCP entry for claude, codex or gemini", "verbs.setup"),
    "trace": ("shows the journal of transitions, or checks it", "verbs.trace"),
    "diagrams": ("draws the state machines from their tables", "verbs.diagrams"),
    "build-and-sync": (
        "builds a project into a release, then restarts into it",
        "verbs.build_and_sync",
    ),
    "uninstall": ("stops the worker, removes what was written here", "verbs.uninstall"),
    "doctor": ("tells what is wrong here and what to type next", "verbs.doctor"),
}

# What a tool's own users have no use for, unless its author says so.
FOR_AUTHORS = frozenset({"build-and-sync", "diagrams"})
