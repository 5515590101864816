"""The demo's urls below a language, as a site in several languages has them."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path

from crm_demo.urls import urlpatterns as _demo

urlpatterns = [
    *i18n_patterns(path("flex/", include("flex_outbound.urls"))),
    *(one for one in _demo if str(one.pattern) != "flex/"),
]
