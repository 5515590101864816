"""The connection test: whether the credentials belong to the account, and the workspace too.

It works with an account that was not saved, and writes nothing. No transaction may be open, because it asks Twilio.
"""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from flex_outbound.exceptions import FlexOutboundError, GatewayError
from flex_outbound.gateway.directory import open_directory
from flex_outbound.gateway.resources import Directory, ListedResource
from flex_outbound.models import Account
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.problems import Problem, explain, explain_account


@dataclass(frozen=True, slots=True)
class Tested:
    """The result: a ``problem``, or None and the names of the account ("" if not shown) and of its workspaces.

    ``workspace``: the name of the chosen one, "" if none is chosen.
    """

    problem: Problem | None = None
    account_name: str = ""
    workspaces: list[str] = field(default_factory=list)
    workspace: str = ""

    @property
    def words(self) -> str:
        """One sentence on a connection that works."""
        name = self.account_name or _("the account")
        if self.workspace:
            return _("Connected to %(account)s, workspace %(workspace)s.") % {
                "account": name,
                "workspace": self.workspace,
            }
        if not self.workspaces:
            return _(
                "Connected to %(account)s, but it has no Flex workspace. Set up Flex in Twilio's console first."
            ) % {"account": name}
        return _("Connected to %(account)s. Save, then import from Twilio to choose the workspace: %(workspaces)s.") % {
            "account": name,
            "workspaces": ", ".join(self.workspaces[:5]),
        }


def try_connection(account: Account) -> Tested:
    """Ask Twilio with an account's credentials. Raises nothing; takes two requests, each within HTTP_TIMEOUT."""
    try:
        with open_directory(connection_to(account)) as directory:
            found = list(directory.workspaces())
            problem = _foreign(account, found)
            return Tested(problem) if problem else _connected(account, found, _account_name(directory))
    except FlexOutboundError as error:
        return Tested(explain(error))


def problem_of(account: Account | None) -> Problem | None:
    """Return what keeps an account from sending; None where it is set up and Twilio took its last request."""
    if account is None:
        return None
    if not account.workspace_sid:
        return Problem(
            _("The Flex workspace is not chosen yet; nothing can be sent."),
            _("Import from Twilio, and choose one from the list."),
        )
    return explain_account(account.problem_code) if account.problem_at is not None else None


def _account_name(directory: Directory) -> str:
    try:
        return directory.account_name()
    except GatewayError:
        # https://www.twilio.com/docs/iam/api-keys: only main keys and the auth token may read the account itself.
        return ""


def _connected(account: Account, found: list[ListedResource], account_name: str) -> Tested:
    chosen = next((one.name or one.sid for one in found if one.sid == account.workspace_sid), "")
    return Tested(None, account_name, [one.name or one.sid for one in found], chosen)


def _foreign(account: Account, found: list[ListedResource]) -> Problem | None:
    owners = {one.account_sid for one in found if one.account_sid} - {account.account_sid}
    if owners:
        return Problem(
            _("These credentials belong to another account: %(sid)s.") % {"sid": ", ".join(sorted(owners))},
            _("Enter that account's SID, or create an API key within the account with this SID."),
        )
    if account.workspace_sid and account.workspace_sid not in {one.sid for one in found}:
        return Problem(
            _("The credentials are right, but the workspace %(sid)s is not in this account.")
            % {"sid": account.workspace_sid},
            _("It was deleted, or belongs to another account. Import from Twilio, and choose one of this account."),
        )
    return None
