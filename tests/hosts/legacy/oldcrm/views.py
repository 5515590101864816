from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, render

from oldcrm.models import Partner


@login_required
def partner(request, number):
    return render(request, "oldcrm/partner.html", {"partner": get_object_or_404(Partner, pk=number)})
