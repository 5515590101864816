"""The CRM's pages: the list, a contact, the form for a new one, and the inbox."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.generic import CreateView, DetailView, ListView, TemplateView

from crm_demo.models import Contact, ContactQuerySet

if TYPE_CHECKING:
    from django import forms

    Listing = ListView[Contact]
    Detail = DetailView[Contact]
    Create = CreateView[Contact, forms.ModelForm[Contact]]
else:
    # Django's own classes take no type arguments at run time; their stubs want them.
    Listing = ListView
    Detail = DetailView
    Create = CreateView

PER_PAGE = (25, 50, 100)


@method_decorator(never_cache, name="dispatch")
class VisibleContacts(LoginRequiredMixin):
    """The contacts that the signed-in user may see; all others do not exist for them.

    Nothing is cached, so that a page that one goes back to shows who is in conversation now.
    """

    request: Any

    def get_queryset(self) -> ContactQuerySet:
        """Return them with their owners, which both pages show."""
        return Contact.objects.visible_to(self.request.user).select_related("owner")


class ContactList(VisibleContacts, Listing):
    """Search and browse. ``?q=`` words or a number, ``?page=``, ``?per_page=`` one of PER_PAGE."""

    template_name = "crm_demo/contact_list.html"
    context_object_name = "contacts"

    def get_queryset(self) -> ContactQuerySet:
        """Return the contacts that fit the search."""
        return super().get_queryset().search(self.query).defer("notes", "search_text")

    @property
    def query(self) -> str:
        """What was typed into the search box; NUL, which PostgreSQL refuses, taken out."""
        return str(self.request.GET.get("q", "")).replace("\x00", "").strip()

    def get_paginate_by(self, queryset: QuerySet[Contact]) -> int:
        """Return how many rows a page has."""
        asked = self.request.GET.get("per_page", "")
        return int(asked) if asked in {str(choice) for choice in PER_PAGE} else PER_PAGE[0]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the search form and the pager show."""
        context = super().get_context_data(**kwargs)
        page: Page[Contact] = context["page_obj"]
        pages = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
        extra = {
            "back": self.request.GET.urlencode(),
            "query": self.query,
            "per_page": page.paginator.per_page,
            "choices": PER_PAGE,
        }
        return {**context, **extra, "pages": list(pages), "gap": page.paginator.ELLIPSIS}


class ContactDetail(VisibleContacts, Detail):
    """One contact: who it is, the buttons, and what was said and done."""

    template_name = "crm_demo/contact_detail.html"
    context_object_name = "contact"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the way back to the list, with its search and page: what ``?back=`` holds."""
        back = QueryDict(self.request.GET.get("back", "")).urlencode()
        return {**super().get_context_data(**kwargs), "back": f"?{back}" if back else ""}


class NewContact(LoginRequiredMixin, Create):
    """The form for a new contact, filled in with the query; ``?next=`` says where to go after saving."""

    model = Contact
    fields = ("full_name", "company", "mobile", "email", "country")
    template_name = "crm_demo/contact_new.html"

    def get_initial(self) -> dict[str, Any]:
        """Return what the query gives."""
        return {name: self.request.GET.get(name, "").replace("\x00", "") for name in self.fields}

    def form_valid(self, form: Any) -> HttpResponse:
        """Save the contact as the user's own."""
        form.instance.owner = self.request.user
        return super().form_valid(form)

    def get_success_url(self) -> str:
        """Return ``next``, if it is of this site, else the contact's page."""
        wanted = self.request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(
            wanted, {self.request.get_host()}, require_https=self.request.is_secure()
        )
        return wanted if is_ours else str(self.object.get_absolute_url())  # type: ignore[union-attr]


@method_decorator(never_cache, name="dispatch")
class Inbox(LoginRequiredMixin, TemplateView):
    """The conversations of the signed-in user. flex_outbound's tag does all of it."""

    template_name = "crm_demo/inbox.html"
