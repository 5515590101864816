"""The REST face: a thin skin over ``outbox`` and ``contacts``. Only this package knows Django REST framework."""
