from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import DetailView, ListView

from customers.models import Customer


class CustomerList(LoginRequiredMixin, ListView):
    queryset = Customer.objects.order_by("full_name")


class CustomerPage(LoginRequiredMixin, DetailView):
    model = Customer
