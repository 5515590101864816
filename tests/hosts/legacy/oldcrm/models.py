from django.db import models
from django.urls import reverse


class Partner(models.Model):
    number = models.CharField(primary_key=True, max_length=20, db_column="partner_no")
    name = models.CharField(max_length=120, db_column="display_nm")

    class Meta:
        managed = False
        db_table = "ocrm_t_partner"

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("partner", args=[self.number])


class Reach(models.Model):
    id = models.IntegerField(primary_key=True, db_column="reach_id")
    partner = models.ForeignKey(Partner, models.DO_NOTHING, db_column="partner_no", related_name="reaches")
    kind = models.CharField(max_length=1, db_column="kind_cd")
    value = models.CharField(max_length=120, db_column="reach_val")

    class Meta:
        managed = False
        db_table = "ocrm_t_reach"
        ordering = ["id"]
