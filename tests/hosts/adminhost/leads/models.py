from django.db import models


class Lead(models.Model):
    name = models.CharField(max_length=100)
    company = models.CharField(max_length=100, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    email = models.EmailField(blank=True)
    stage = models.CharField(max_length=20, choices=[("new", "New"), ("won", "Won"), ("lost", "Lost")], default="new")
    notes = models.TextField(blank=True)

    def __str__(self):
        return self.name
