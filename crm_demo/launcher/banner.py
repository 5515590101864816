"""The box with the addresses of the demo."""

from crm_demo.launcher.plan import Plan

LOGINS = (
    ("agent, bea, carlos", "agents; the password is the user name"),
    ("manager", "manager, sees all and sets up"),
    ("admin", "administrator"),
)
WIDTH = 66


def banner(plan: Plan, *, callbacks: bool, plain: bool) -> str:
    """Return the box. ``plain``: draw it in ASCII. ``callbacks``: whether the sandbox calls the CRM back."""
    lines = ["The demo is running.", "", f"CRM        {plan.web_url}/", f"Flex desk  {plan.sandbox_url}/", ""]
    lines += [f"Sign in    {LOGINS[0][0]:<19} {LOGINS[0][1]}"]
    lines += [f"           {name:<19} {words}" for name, words in LOGINS[1:]]
    lines += ["", f"Logs       {_near(plan)}", "End it     Ctrl-C"]
    if not callbacks:
        lines += ["", "The callbacks could not be registered. The CRM polls instead."]
    return _box(lines, plain)


def _near(plan: Plan) -> str:
    return str(plan.logs) if len(str(plan.logs)) < WIDTH - 11 else f"…{str(plan.logs)[-(WIDTH - 13) :]}"


def _box(lines: list[str], plain: bool) -> str:
    corners, across, down = (["+"] * 4, "-", "|") if plain else (list("╭╮╰╯"), "─", "│")
    width = max(WIDTH, *map(len, lines))
    rows = [f"{down} {line:<{width}} {down}" for line in lines]
    line = across * (width + 2)
    return "\n".join([corners[0] + line + corners[1], *rows, corners[2] + line + corners[3]])
