"""The demo's pages below a language, and the API without one, as a site in several languages may have them."""

from django.conf.urls.i18n import i18n_patterns

from crm_demo.urls import urlpatterns as _demo

_flex = [one for one in _demo if str(one.pattern) == "flex/"]
urlpatterns = [*_flex, *i18n_patterns(*(one for one in _demo if one not in _flex))]
