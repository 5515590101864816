"""What the index of the app's screens in the admin says before anything is set up."""

from django import template

from flex_outbound.models import Account

register = template.Library()


@register.simple_tag
def flex_is_new() -> bool:
    """Tell whether there is no Twilio account at all yet."""
    return not Account.objects.exists()
