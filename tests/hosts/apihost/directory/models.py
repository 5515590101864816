from django.db import models


class Party(models.Model):
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2)

    class Meta:
        abstract = True

    def __str__(self):
        return self.name


class Person(Party):
    silent = models.BooleanField(default=False)


class Company(Party):
    pass


class Way(models.Model):
    """One way to reach somebody, the preferred one first."""

    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="ways")
    company = models.ForeignKey(Company, models.CASCADE, null=True, related_name="ways")
    kind = models.CharField(max_length=5, choices=[("phone", "Phone"), ("email", "Email")])
    label = models.CharField(max_length=20)
    value = models.CharField(max_length=200)

    class Meta:
        ordering = ["pk"]
