class OldCrmRouter:
    """The old tables stay where they are; nothing is migrated there, and nothing else is kept there."""

    def db_for_read(self, model, **hints):
        return "oldcrm" if model._meta.app_label == "oldcrm" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return (db == "oldcrm") == (app_label == "oldcrm")
