from __future__ import annotations

from django.http import HttpResponse
from django.urls import path
from django.views.generic import CreateView, UpdateView

from cluster.views import ClusterFormMixin
from tests.testapp.models import Band

SONGS = {"fields": ["title", "track", "single"], "extra": 1}
FORMSETS = {
    "members": {"fields": ["name", "born"], "extra": 1},
    "albums": {"fields": ["title", "label", "genres"], "extra": 1, "formsets": {"songs": SONGS}},
}


class BandPage(ClusterFormMixin):
    model = Band
    fields = ["name", "formed"]
    formsets = FORMSETS
    template_name = "band_form.html"
    success_url = "/saved/"

    def get_context_data(self, **kwargs):
        return super().get_context_data(layout=self.request.GET.get("layout", "div"), **kwargs)


class BandCreate(BandPage, CreateView):
    pass


class BandUpdate(BandPage, UpdateView):
    pass


def saved(request):
    return HttpResponse(
        '<!DOCTYPE html><html lang="en"><head><title>Saved</title></head><body><h1>Saved</h1></body></html>'
    )


urlpatterns = [path("new/", BandCreate.as_view()), path("saved/", saved), path("<int:pk>/", BandUpdate.as_view())]
